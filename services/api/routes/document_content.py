"""What is inside a document: its chunks, and a short-lived URL of the original."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from litestar import Router, get
from litestar.di import NamedDependency

from api.auth import Caller
from api.cursors import decode_number, encode_number
from api.limits import Limits
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, DocumentId, Limit
from api.search_views import BoxView
from api.views import Page
from db.errors import DatasetNotFound, DocumentNotFound
from db.models import Document
from db.repositories.datasets import DatasetRepository
from db.repositories.document_views import DocumentViewRepository
from pipeline.embed.tokens import count_tokens
from pipeline.store.rows import StoredRow, row_id

# What a browser shows without running anything; the rest is offered for download.
SHOWN_TYPES = frozenset(
    {
        "application/pdf",
        "image/bmp",
        "image/gif",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/webp",
        "text/plain",
    }
)
READINGS = 2  # a document may switch to a new version while its rows are being read


@dataclass(frozen=True, slots=True)
class ChunkView:
    """A passage of the version that search shows, `ordinal` counting from 0. `char_start` and
    `char_end` count characters of the document's text, `tokens` are those of cl100k; `page` and
    `box` are there where the format has them."""

    ordinal: int
    chunk_id: str
    text: str
    page: int | None
    box: BoxView | None
    char_start: int
    char_end: int
    heading_path: list[str]
    tokens: int

    @classmethod
    def of(cls, row: StoredRow) -> Self:
        box = row.position.box
        return cls(
            ordinal=row.ordinal,
            chunk_id=row.id,
            text=row.text,
            page=row.position.page,
            box=None if box is None else BoxView.of(box),
            char_start=row.char_start,
            char_end=row.char_end,
            heading_path=list(row.heading_path),
            tokens=count_tokens(row.text),
        )


@dataclass(frozen=True, slots=True)
class DocumentUrlView:
    """A `GET` of this URL has the original, as it is now, until `expires_at`. Types that may hold
    scripts are downloaded, not shown."""

    url: str
    expires_at: datetime
    media_type: str


@get(
    "/{document_id:uuid}/chunks",
    summary="List a document's chunks",
    responses=documented(DatasetNotFound, DocumentNotFound),
)
async def list_chunks(
    *,
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[ChunkView]:
    """In the order of the document; none while nothing of it is searchable."""
    first = 0 if cursor is None else decode_number(cursor)
    rows: Sequence[StoredRow] = []
    for _ in range(READINGS):
        document = await _document(resources, caller, dataset_id, document_id)
        ordinals = range(first, min(first + limit, document.chunk_count))
        if document.live_generation is None or document.live_space is None:
            return Page([], None)
        ids = [row_id(str(document_id), document.live_generation, each) for each in ordinals]
        rows = await resources.vectors.fetch(document.live_space, ids)
        if len(rows) == len(ids):
            break
    items = await asyncio.to_thread(lambda: [ChunkView.of(row) for row in rows])
    more = ordinals.stop < document.chunk_count
    return Page(items, encode_number(ordinals.stop) if more else None)


@get(
    "/{document_id:uuid}/url",
    summary="Get a URL of the original",
    responses=documented(DatasetNotFound, DocumentNotFound),
)
async def get_document_url(
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> DocumentUrlView:
    """To show it beside its passages. Whoever has the URL may read the file."""
    document = await _document(resources, caller, dataset_id, document_id)
    media_type = document.media_type or "application/octet-stream"
    expires_at = datetime.now(UTC) + limits.download_url_expiry
    url = await resources.objects.presign_get(
        document.object_key,
        expires=limits.download_url_expiry,
        file_name=document.file_name,
        shown_as=media_type if media_type in SHOWN_TYPES else None,
    )
    return DocumentUrlView(url, expires_at, media_type)


async def _document(
    resources: Resources, caller: Caller, dataset_id: DatasetId, document_id: DocumentId
) -> Document:
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
        documents = DocumentViewRepository(session, caller.tenant_id)
        return (await documents.get(dataset_id, document_id)).document


router = Router(
    "/datasets/{dataset_id:uuid}/documents",
    route_handlers=[list_chunks, get_document_url],
    tags=["Documents"],
)
