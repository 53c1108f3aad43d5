"""What a search answers, field by field."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from pipeline.document import Box
from pipeline.passages import Passage
from pipeline.questions import Caveat
from pipeline.store.rows import StoredRow


class HitKind(StrEnum):
    PASSAGE = "passage"
    IMAGE = "image"


class ImagesFound(StrEnum):
    BY_TEXT = "by_text"
    BY_VECTOR = "by_vector"


def crop_of(row: StoredRow) -> str | None:
    """Where the crop of an image is kept; None for a passage."""
    key = row.metadata.get("crop")
    return key if isinstance(key, str) and key.startswith(f"{row.document}/") else None


@dataclass(frozen=True, slots=True)
class BoxView:
    """A rectangle on a page, in points from the page's top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, box: Box) -> Self:
        return cls(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


@dataclass(frozen=True, slots=True)
class ScoresView:
    """The parts of a hit's score. `dense` is the cosine and `keyword` the BM25 score, each with the
    rank in its list from 1; null where that list does not hold the hit. `rerank` is what the
    reranker said; hits that have it are ordered by it."""

    dense: float | None
    dense_rank: int | None
    keyword: float | None
    keyword_rank: int | None
    rerank: float | None


@dataclass(frozen=True, slots=True)
class NeighbourView:
    """A passage beside a hit, of the same version of the document. It may overlap the hit: the
    offsets say by how much."""

    text: str
    page: int | None
    char_start: int
    char_end: int
    chunk_id: str

    @classmethod
    def of(cls, row: StoredRow) -> Self:
        return cls(row.text, row.position.page, row.char_start, row.char_end, row.id)


@dataclass(frozen=True, slots=True)
class HighlightView:
    """Where a word of the query stands, in characters of the hit's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class HitView:
    """A passage, or in the mode `image` an image: then `text` is its caption or what was recognised
    in it, there are no offsets, and `image_url` shows it. `char_start` and `char_end` count
    characters of the document's text; `page` is a page, slide or sheet, `line` to `line_end` are
    lines or rows, `box` the place on the page, `attachment` the file in a mail, `path` the record
    in a JSON file, where the format has them. `context` is what it was found with besides:
    headings, a table's header. `url` downloads the original, as it is now; both URLs work until
    `url_expires_at`."""

    text: str
    score: float
    scores: ScoresView
    highlights: list[HighlightView]
    dataset_id: UUID
    document_id: UUID
    file_name: str
    media_type: str | None
    uploaded_at: datetime | None
    metadata: dict[str, Any]
    page: int | None
    box: BoxView | None
    char_start: int
    char_end: int
    heading_path: list[str]
    chunk_id: str
    sheet: str | None
    line: int | None
    line_end: int | None
    attachment: str | None
    path: str | None
    context: str
    before: list[NeighbourView]
    after: list[NeighbourView]
    url: str | None
    url_expires_at: datetime | None
    kind: HitKind
    image_url: str | None

    @classmethod
    def of(
        cls,
        hit: Passage,
        url: str | None,
        image_url: str | None,
        expires_at: datetime | None,
    ) -> Self:
        row, box, found = hit.row, hit.row.position.box, hit.candidate
        return cls(
            text=row.text,
            score=found.score,
            scores=ScoresView(
                dense=found.dense,
                dense_rank=found.dense_rank,
                keyword=found.keyword,
                keyword_rank=found.keyword_rank,
                rerank=found.rerank,
            ),
            highlights=[HighlightView(start, end) for start, end in hit.highlights],
            dataset_id=hit.document.dataset_id,
            document_id=UUID(row.document),
            file_name=row.file_name,
            media_type=hit.document.media_type,
            uploaded_at=hit.document.uploaded_at,
            metadata=dict(hit.document.metadata),
            page=row.position.page,
            box=None if box is None else BoxView.of(box),
            char_start=row.char_start,
            char_end=row.char_end,
            heading_path=list(row.heading_path),
            chunk_id=row.id,
            sheet=row.position.sheet,
            line=row.position.line,
            line_end=row.position.line_end,
            attachment=row.position.attachment,
            path=row.position.path,
            context=str(row.metadata.get("context", "")),
            before=[NeighbourView.of(each) for each in hit.before],
            after=[NeighbourView.of(each) for each in hit.after],
            url=url,
            url_expires_at=expires_at if url is not None or image_url is not None else None,
            kind=HitKind.PASSAGE if crop_of(row) is None else HitKind.IMAGE,
            image_url=image_url,
        )


@dataclass(frozen=True, slots=True)
class CaveatView:
    """What was amiss: `keywords_only`, `not_reranked`, `not_all_seen` or `images_missing`, and a
    sentence for people."""

    code: Caveat
    message: str


@dataclass(frozen=True, slots=True)
class SearchView:
    """Hits, best first. Scores compare within one answer. `next_offset` asks for the next page,
    null at the end. `degraded` says why a hybrid search went by keywords alone, `caveats` whatever
    else was amiss; null and empty when nothing was. `images` says how images are found: `by_text`,
    recognised words and captions, or, with an image endpoint, `by_vector` too, in the mode
    `image`."""

    hits: list[HitView]
    next_offset: int | None
    degraded: str | None
    caveats: list[CaveatView]
    images: ImagesFound
