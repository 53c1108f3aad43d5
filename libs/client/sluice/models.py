"""What the API answers, typed. Times are aware, sizes bytes, money US dollars.

The names are those of the API; its `/docs` says more about each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

T = TypeVar("T")

FINISHED = frozenset({"completed", "failed", "cancelled"})  # of documents and jobs
SETTLED = frozenset({"ready", "partial", "failed"})  # of datasets


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list; `next_cursor` asks for the next, None at the end."""

    items: tuple[T, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Chunking:
    strategy: str
    size: int
    overlap: int
    heading_prefix: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """`seconds_left` is an estimate, None where none can be made."""

    percent: int
    seconds_left: int | None = None
    unfinished: int | None = None

    @staticmethod
    def adapt(raw: Any) -> Any:
        """Some servers answer the percent alone."""
        return {"percent": raw} if isinstance(raw, int) else raw


@dataclass(frozen=True, slots=True)
class Dataset:
    id: str
    name: str
    status: str
    progress: Progress
    document_count: int
    searchable_count: int
    failed_count: int
    chunk_count: int
    priority: int
    paused: bool
    tenant_paused: bool
    chunking: Chunking
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PageNote:
    page: int
    reason: str
    confidence: float | None = None
    uncovered: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """`page_notes` are there if one document was asked for."""

    id: str
    dataset_id: str
    file_name: str
    object_key: str
    status: str
    searchable: bool
    task_id: str | None
    stage: str | None
    waiting_for: str | None
    progress: int
    chunk_count: int
    page_count: int | None
    character_count: int | None
    content_type: str | None
    media_type: str | None
    size: int | None
    etag: str | None
    error_code: str | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None
    metadata: dict[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    pages_with_text: int | None = None
    pages_by_ocr: int | None = None
    page_notes: tuple[PageNote, ...] = ()

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Job:
    task_id: str
    dataset_id: str
    document_id: str
    file_name: str
    object_key: str
    reason: str
    status: str
    stage: str | None
    waiting_for: str | None
    progress: int
    retries: int
    attempts: int
    chunks_done: int
    tokens: int
    cost: Decimal | None
    priority: int
    error_code: str | None
    error: str | None
    error_fingerprint: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    next_attempt_at: datetime | None
    stalled: bool = False
    dependency: str | None = None
    texts_reused: int = 0
    tokens_saved: int = 0
    cost_saved: Decimal | None = None
    seconds_left: int | None = None

    @property
    def finished(self) -> bool:
        return self.status in FINISHED


@dataclass(frozen=True, slots=True)
class Attempt:
    number: int
    outcome: str
    stage: str | None
    worker: str
    error_code: str | None
    error: str | None
    tokens: int
    chunks_embedded: int
    chunks_reused: int
    stage_seconds: dict[str, float]
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Removal:
    task_id: str


@dataclass(frozen=True, slots=True)
class FailureGroup:
    fingerprint: str | None
    error_code: str
    stage: str | None
    message: str
    job_count: int
    document_count: int
    first_at: datetime
    latest_at: datetime
    task_id: str


@dataclass(frozen=True, slots=True)
class Failures:
    items: tuple[FailureGroup, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Retried:
    """`remaining` are left: send the order once more."""

    dry_run: bool
    matched: int
    retried: int
    skipped: int
    remaining: int
    last_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`remaining` are left: send the order once more."""

    dry_run: bool
    cancelled: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Highlight:
    """Where a word of the query stands, in characters of the hit's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Neighbour:
    text: str
    page: int | None
    char_start: int
    char_end: int
    chunk_id: str


@dataclass(frozen=True, slots=True)
class Hit:
    text: str
    score: float
    dataset_id: str
    document_id: str
    file_name: str
    page: int | None
    char_start: int
    char_end: int
    chunk_id: str
    box: Box | None = None
    heading_path: tuple[str, ...] = ()
    highlights: tuple[Highlight, ...] = ()
    scores: Mapping[str, Any] = field(default_factory=dict)
    media_type: str | None = None
    uploaded_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    sheet: str | None = None
    line: int | None = None
    line_end: int | None = None
    attachment: str | None = None
    path: str | None = None
    context: str = ""
    before: tuple[Neighbour, ...] = ()
    after: tuple[Neighbour, ...] = ()
    url: str | None = None
    url_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Caveat:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits, best first. An answer that is less than was asked for says so in `caveats`."""

    hits: tuple[Hit, ...]
    next_offset: int | None = None
    degraded: str | None = None
    caveats: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True)
class Spending:
    """What it was not grouped by is None."""

    day: date | None
    dataset_id: str | None
    document_id: str | None
    task_id: str | None
    model: str | None
    tokens: int
    tokens_counted: int
    tokens_unpriced: int
    cost: Decimal
    texts_reused: int
    tokens_saved: int
    cost_saved: Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """The days are UTC, both included; `total` is of all groups."""

    first_day: date
    last_day: date
    total: Spending
    groups: tuple[Spending, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Tenant:
    name: str
    paused: bool
    dataset_count: int
    queued_count: int
    processing_count: int


@dataclass(frozen=True, slots=True)
class Event:
    """A change that was recorded. `cursor` goes on behind it."""

    cursor: int
    at: datetime
    kind: str
    dataset_id: str | None
    document_id: str | None
    job_id: str | None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tick:
    """How far a job is; gone as soon as the next one comes."""

    job_id: str
    document_id: str
    dataset_id: str
    stage: str | None
    percent: int
    chunks_done: int = 0
    tokens: int = 0
    seconds_left: int | None = None

    @staticmethod
    def adapt(raw: Any) -> Any:
        """Percent and seconds may come with a fraction."""
        if not isinstance(raw, dict):
            return raw
        whole = {
            name: int(raw[name])
            for name in ("percent", "seconds_left", "chunks_done", "tokens")
            if isinstance(raw.get(name), int | float)
        }
        return {**raw, **whole}
