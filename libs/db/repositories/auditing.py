"""What the audit compares the bucket and the index with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Document, Job, Status
from db.repositories.changes import UNFINISHED

# A failed document's rows wait so long for a retry by hand, which would go on with them.
BUILDING_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """A document as Postgres has it. `judged_etag`: the version on which its last job gave up."""

    document_id: UUID
    object_key: str
    live_etag: str | None
    live_generation: int | None
    building_generation: int | None
    stale_building: bool  # nobody goes on with it: the last attempt gave up a day ago
    chunk_count: int
    busy: bool
    judged_etag: str | None


class AuditRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known_by_key(self, keys: Collection[str]) -> dict[str, Known]:
        rows = await self._known(Document.object_key.in_(keys))
        return {known.object_key: known for known in rows}

    async def known_by_id(self, ids: Collection[UUID]) -> dict[UUID, Known]:
        rows = await self._known(Document.id.in_(ids))
        return {known.document_id: known for known in rows}

    async def live_keys(
        self, *, after: str, until: str | None, limit: int
    ) -> list[tuple[UUID, str]]:
        """Dataset and key of the searchable documents in (after, until], in the order of bytes."""
        query = (
            select(Document.dataset_id, Document.object_key)
            .where(Document.object_key > after, Document.live_generation.is_not(None))
            .order_by(Document.object_key)
            .limit(limit)
        )
        if until is not None:
            query = query.where(Document.object_key <= until)
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def live_spaces(self) -> set[str]:
        """The embedding spaces that should hold rows; reads all documents."""
        rows = await self._session.scalars(
            select(Document.live_space).where(Document.live_space.is_not(None)).distinct()
        )
        return {space for space in rows if space is not None}

    async def live_documents(
        self, space: str, *, after: UUID | None, live_before: datetime, limit: int
    ) -> list[tuple[UUID, UUID]]:
        """Document and dataset of those that should have rows in a space, in the order of ids."""
        query = (
            select(Document.id, Document.dataset_id)
            .where(
                Document.live_space == space,
                Document.live_at < live_before,
                Document.chunk_count > 0,
            )
            .order_by(Document.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(Document.id > after)
        return [(row[0], row[1]) for row in await self._session.execute(query)]

    async def abandon_building(self, document_id: UUID) -> tuple[int, int] | None:
        """Give up a half-built generation that nobody works on.

        Returns the live generation (0 if there is none) and the highest one: rows between may go,
        since generations only rise. None if a job is at work after all.
        """
        document = await self._session.scalar(
            select(Document).where(Document.id == document_id).with_for_update(key_share=True)
        )
        busy = await self._session.scalar(
            select(Job.id).where(Job.document_id == document_id, Job.status.in_(UNFINISHED))
        )
        if document is None or busy is not None:
            return None
        document.building_etag = document.building_fingerprint = None
        return document.live_generation or 0, document.generation

    async def rebuild(self, document_id: UUID, generation: int) -> None:
        """Make the next job write this live generation anew, as another one."""
        await self._session.execute(
            update(Document)
            .where(Document.id == document_id, Document.live_generation == generation)
            .values(live_fingerprint=None)
        )

    async def purge(self, document_ids: Collection[UUID]) -> None:
        """Ask the upkeep to delete the older generations of these documents."""
        await self._session.execute(
            update(Document).where(Document.id.in_(document_ids)).values(purge_after=func.now())
        )

    async def _known(self, condition: object) -> list[Known]:
        latest = (
            select(
                Job.status,
                (Job.finished_at < func.now() - BUILDING_KEPT).label("given_up"),
            )
            .where(Job.document_id == Document.id)
            # The one at work or, an older one may have been retried, the last that ended.
            .order_by(Job.finished_at.desc().nulls_first())
            .limit(1)
            .lateral("latest")
        )
        rows = await self._session.execute(
            select(Document, latest.c.status, latest.c.given_up)
            .outerjoin(latest, latest.c.status.is_not(None))
            .where(condition)  # type: ignore[arg-type]  # a column expression
        )
        return [
            Known(
                document_id=document.id,
                object_key=document.object_key,
                live_etag=document.live_etag,
                live_generation=document.live_generation,
                building_generation=document.generation if document.building_etag else None,
                chunk_count=document.chunk_count,
                busy=status in UNFINISHED,
                stale_building=bool(given_up),
                judged_etag=document.judged_etag
                if status in (Status.FAILED, Status.CANCELLED)
                else None,
            )
            for document, status, given_up in rows
        ]
