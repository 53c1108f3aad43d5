"""Documents with rows in the index, made without a worker: the tables and Milvus, side by side."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, update

from db.engine import Sessions
from db.models import Document
from pipeline.store.vectors import VectorStore
from support.attempts import complete
from support.catalog import Home, apply, document_of
from support.rows import rows

SPACE = "space_test"


async def searchable(sessions: Sessions, home: Home, name: str = "a.txt", *, chunks: int) -> UUID:
    """A document whose job is completed, with generation 1 live; its rows are the test's to write.

    Nothing of it is due to be purged, and it went live long ago.
    """
    [job_id] = (await apply(sessions, home.change(name))).values()
    assert job_id is not None
    await complete(sessions, job_id, chunks=chunks, space=SPACE)
    document_id = (await document_of(sessions, home, name)).id
    await change_document(
        sessions, document_id, live_at=func.now() - func.make_interval(0, 0, 0, 1)
    )
    return document_id


async def change_document(sessions: Sessions, document_id: UUID, **values: Any) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Document).where(Document.id == document_id).values(**values))


async def write_rows(
    vectors: VectorStore, home: Home, document_id: UUID, *, generation: int, count: int
) -> None:
    await vectors.write(
        SPACE,
        rows(
            range(count),
            tenant=str(home.tenant_id),
            dataset=str(home.dataset_id),
            document=str(document_id),
            generation=generation,
        ),
    )


async def rows_of(vectors: VectorStore, home: Home, document_id: UUID) -> dict[int, int]:
    """How many rows each generation of a document has."""
    return {
        stored.generation: stored.rows
        async for stored in vectors.generations(SPACE)
        if (stored.dataset, stored.document) == (str(home.dataset_id), str(document_id))
    }
