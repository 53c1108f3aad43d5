"""What the API answers, field by field. Times are UTC, sizes bytes, progress percent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from api.cursors import encode_cursor
from api.statuses import (
    DatasetStatus,
    DocumentStatus,
    dataset_progress,
    dataset_status,
    document_status,
    retries,
)
from db.models import Attempt, Job, Outcome, Status, WaitingFor
from db.repositories.datasets import DatasetRow
from db.repositories.document_views import DocumentRow
from db.repositories.job_history import JobRow
from pipeline.document import PageReason

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, newest first; `next_cursor` asks for the next, null at the end."""

    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(
        cls, rows: Sequence[R], limit: int, *, view: Callable[[R], T], key: Callable[[R], UUID]
    ) -> Self:
        """A page of `limit` items from rows that were asked for with one more."""
        shown = rows[:limit]
        more = len(rows) > limit
        return cls([view(row) for row in shown], encode_cursor(key(shown[-1])) if more else None)


@dataclass(frozen=True, slots=True)
class ChunkingView:
    strategy: str
    size: int
    overlap: int
    heading_prefix: bool


@dataclass(frozen=True, slots=True)
class ProgressView:
    """How far a dataset is, and how many of its jobs are unfinished. `seconds_left` is what these
    may take, by what was finished lately; null if too little was."""

    percent: int
    seconds_left: int | None
    unfinished: int


@dataclass(frozen=True, slots=True)
class DatasetView:
    """`document_count` leaves out what was deleted; `chunk_count` is what search looks through.
    Nothing is indexed while it is `paused`, or while the whole tenant is: `tenant_paused`."""

    id: UUID
    name: str
    status: DatasetStatus
    progress: ProgressView
    document_count: int
    searchable_count: int
    failed_count: int
    chunk_count: int
    priority: int
    paused: bool
    tenant_paused: bool
    chunking: ChunkingView
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: DatasetRow) -> Self:
        return cls(
            id=row.id,
            name=row.name,
            status=dataset_status(row.counts),
            progress=ProgressView(
                percent=dataset_progress(row.counts),
                seconds_left=row.seconds_left,
                unfinished=row.counts.unfinished,
            ),
            document_count=row.counts.documents,
            searchable_count=row.counts.searchable,
            failed_count=row.counts.failed,
            chunk_count=row.counts.chunks,
            priority=row.priority,
            paused=row.paused_at is not None,
            tenant_paused=row.tenant_paused_at is not None,
            chunking=ChunkingView(
                row.chunking.strategy,
                row.chunking.size,
                row.chunking.overlap,
                row.chunking.heading_prefix,
            ),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


@dataclass(frozen=True, slots=True)
class UploadUrlView:
    """One signed upload: send exactly these headers and the file's bytes by this method."""

    file_name: str
    object_key: str
    upload_url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CreatedDatasetView:
    dataset: DatasetView
    upload_urls: list[UploadUrlView]


@dataclass(frozen=True, slots=True)
class UploadUrlsView:
    upload_urls: list[UploadUrlView]


@dataclass(frozen=True, slots=True)
class DocumentView:
    """`searchable` says whether search shows a version of it, whatever the latest job's status.
    `waiting_for` is that job's. `pages_with_text` counts the pages of a PDF or an image that text
    was found on, `pages_by_ocr` those whose text was recognised in a picture."""

    id: UUID
    dataset_id: UUID
    file_name: str
    object_key: str
    status: DocumentStatus
    searchable: bool
    task_id: UUID | None
    stage: str | None
    waiting_for: WaitingFor | None
    progress: int
    chunk_count: int
    page_count: int | None
    character_count: int | None
    content_type: str | None
    media_type: str | None
    size: int | None
    etag: str | None
    metadata: dict[str, Any]
    warnings: list[str]
    pages_with_text: int | None
    pages_by_ocr: int | None
    error_code: str | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    indexed_at: datetime | None

    @classmethod
    def of(cls, row: DocumentRow) -> Self:
        document, job = row.document, row.job
        pages = document.pages_read or {}
        return cls(
            id=document.id,
            dataset_id=document.dataset_id,
            file_name=document.file_name,
            object_key=document.object_key,
            status=document_status(None if job is None else job.status),
            searchable=document.live_generation is not None,
            task_id=None if job is None else job.id,
            stage=None if job is None else job.stage,
            waiting_for=None if job is None else _waiting_for(job, held=row.held),
            progress=0 if job is None else job.progress,
            chunk_count=document.chunk_count,
            page_count=document.page_count,
            character_count=document.character_count,
            content_type=document.content_type,
            media_type=document.media_type,
            size=document.size,
            etag=document.etag,
            metadata=document.client_metadata,
            warnings=document.warnings,
            pages_with_text=pages.get("with_text"),
            pages_by_ocr=pages.get("by_ocr"),
            error_code=None if job is None else job.error_code,
            error=None if job is None else job.error,
            created_at=document.created_at,
            updated_at=document.updated_at,
            indexed_at=document.live_at,
        )


@dataclass(frozen=True, slots=True)
class PageNoteView:
    """Of a page that is not simply text. `confidence` is how sure the recognition was; `uncovered`
    is the share of what looks like writing that the page's own text does not cover. Both from 0
    to 1. `attachment` names the attached file of a mail that the page is of."""

    page: int
    reason: PageReason
    confidence: float | None
    uncovered: float | None
    attachment: str | None


@dataclass(frozen=True, slots=True)
class AttachmentView:
    """The pages of an attached file; those of the mail are the sums of these."""

    name: str
    page_count: int | None
    pages_with_text: int | None
    pages_by_ocr: int | None


@dataclass(frozen=True, slots=True)
class DocumentDetailView(DocumentView):
    """A document with what is to be said of its pages: of the first thousand that need a note.
    `attachments` are those of a mail that have pages."""

    page_notes: list[PageNoteView]
    attachments: list[AttachmentView]

    @classmethod
    def of(cls, row: DocumentRow) -> Self:
        view = DocumentView.of(row)
        pages = row.document.pages_read or {}
        return cls(
            **{field.name: getattr(view, field.name) for field in fields(DocumentView)},
            page_notes=[
                PageNoteView(
                    page=note["page"],
                    reason=PageReason(note["reason"]),
                    confidence=note.get("confidence"),
                    uncovered=note.get("uncovered"),
                    attachment=note.get("attachment"),
                )
                for note in pages.get("notes", [])
            ],
            attachments=[
                AttachmentView(
                    name=each["name"],
                    page_count=each.get("page_count"),
                    pages_with_text=each.get("pages_with_text"),
                    pages_by_ocr=each.get("pages_by_ocr"),
                )
                for each in pages.get("attachments", [])
            ],
        )


@dataclass(frozen=True, slots=True)
class JobView:
    """`retries` counts the tries after the first, `attempts` every start of the work.

    While queued, `waiting_for` may say why it is not being worked on; `next_attempt_at` when it is
    due, null while the dataset or the tenant is paused. `error` is the latest one, also while
    another try is to come. Jobs that failed alike have one `error_fingerprint`. `stalled`: the
    worker has given no sign of life for some 18 s; after 30 the job goes to another. Costs are US
    dollars, as text; null if the model has no price or nothing was embedded. `tokens_saved` is
    about what the `texts_reused` would have taken, whose vectors were there already. `worker` is
    that of the latest attempt; `duration_seconds` count from the first one to the end, or to now.
    `seconds_left` is an estimate, of a job that is being worked on.
    """

    task_id: UUID
    dataset_id: UUID
    dataset_name: str
    document_id: UUID
    file_name: str
    object_key: str
    reason: str
    status: Status
    stalled: bool
    worker: str | None
    stage: str | None
    waiting_for: WaitingFor | None
    dependency: str | None
    progress: int
    seconds_left: int | None
    retries: int
    attempts: int
    chunks_done: int
    tokens: int
    cost: str | None
    texts_reused: int
    tokens_saved: int
    cost_saved: str | None
    priority: int
    error_code: str | None
    error: str | None
    error_fingerprint: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    duration_seconds: float | None
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, row: JobRow) -> Self:
        job = row.job
        return cls(
            task_id=job.id,
            dataset_id=job.dataset_id,
            dataset_name=row.dataset_name,
            document_id=job.document_id,
            file_name=row.file_name,
            object_key=row.object_key,
            reason=job.reason,
            status=Status(job.status),
            stalled=row.stalled,
            worker=row.worker,
            stage=job.stage,
            waiting_for=_waiting_for(job, held=row.held),
            dependency=job.dependency,
            progress=job.progress,
            seconds_left=job.seconds_left,
            retries=retries(job.tries),
            attempts=job.attempts,
            chunks_done=job.chunks_done,
            tokens=row.tokens,
            cost=money_or_none(row.cost),
            texts_reused=row.texts_reused,
            tokens_saved=row.tokens_saved,
            cost_saved=money_or_none(row.cost_saved),
            priority=job.priority,
            error_code=job.error_code,
            error=job.error,
            error_fingerprint=job.error_fingerprint,
            created_at=job.created_at,
            updated_at=job.updated_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            duration_seconds=row.duration_seconds,
            next_attempt_at=(
                job.run_after if job.status == Status.QUEUED and not row.held else None
            ),
        )


@dataclass(frozen=True, slots=True)
class DatasetJobsView:
    """A dataset and its jobs, newest first, in pages."""

    dataset: DatasetView
    jobs: list[JobView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CompletedUploadsView:
    """The jobs that index what arrived; `missing` names files that the bucket does not have."""

    jobs: list[JobView]
    missing: list[str]


@dataclass(frozen=True, slots=True)
class RemovalView:
    """The job that removes the object and what was stored of it."""

    task_id: UUID


@dataclass(frozen=True, slots=True)
class CancelledView:
    """How many jobs were cancelled, or would be in a dry run. `remaining` are left, or came in the
    meantime: send the order once more."""

    dry_run: bool
    cancelled: int
    remaining: int


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One start of a job's work and how it ended."""

    number: int
    outcome: Outcome
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

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(
            number=attempt.number,
            outcome=Outcome(attempt.outcome),
            stage=attempt.stage,
            worker=attempt.worker,
            error_code=attempt.error_code,
            error=attempt.error,
            tokens=attempt.tokens,
            chunks_embedded=attempt.chunks_embedded,
            chunks_reused=attempt.chunks_reused,
            stage_seconds=attempt.stage_seconds,
            started_at=attempt.started_at,
            finished_at=attempt.finished_at,
        )


def money(dollars: Decimal) -> str:
    """Without an exponent and without needless zeros."""
    text = f"{dollars:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money_or_none(dollars: Decimal | None) -> str | None:
    return None if dollars is None else money(dollars)


def _waiting_for(job: Job, *, held: bool) -> WaitingFor | None:
    """A pause before all else: nothing is indexed until it ends."""
    if held:
        return WaitingFor.PAUSE
    return None if job.waiting_for is None else WaitingFor(job.waiting_for)
