"""What the audit compares the bucket and the index with."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Document, Job, Status
from db.repositories.bell import UNFINISHED
from db.repositories.upkeep import purge_bound

# A failed document's rows wait so long for a retry by hand, which would go on with them.
BUILDING_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Known:
    """A document as Postgres has it.

    `judged_etag`: the version on which its last job gave up. `purged_below`: older generations
    than this are waiting for the upkeep, or for nothing (0).
    """

    document_id: UUID
    dataset_id: UUID
    tenant_id: UUID
    object_key: str
    live_etag: str | None
    live_generation: int | None
    live_space: str | None
    building_generation: int | None
    stale_building: bool  # nobody goes on with it: the last attempt gave up a day ago
    purged_below: int
    chunk_count: int
    busy: bool
    judged_etag: str | None
    live_image_space: str | None = None
    image_count: int = 0

    def rows_in(self, space: str) -> int | None:
        """How many rows the live generation has in a space; None if it has nothing to do there."""
        if space == self.live_space:
            return self.chunk_count
        return self.image_count if space == self.live_image_space else None


class AuditRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def known_by_key(self, keys: Collection[str]) -> dict[str, Known]:
        rows = await self._known(Document.object_key.in_(keys))
        return {known.object_key: known for known in rows}

    async def known_by_id(self, ids: Collection[UUID]) -> dict[UUID, Known]:
        rows = await self._known(Document.id.in_(ids))
        return {known.document_id: known for known in rows}

    async def datasets(self, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[UUID]:
        """A tenant's datasets in the order of ids, deleted ones that await their purge included."""
        query = (
            select(Dataset.id)
            .where(Dataset.tenant_id == tenant_id, Dataset.purged_at.is_(None))
            .order_by(Dataset.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(Dataset.id > after)
        return list(await self._session.scalars(query))

    async def live_keys(self, *, after: str, until: str | None, limit: int) -> list[str]:
        """The keys of the searchable documents in (after, until], in the order of bytes."""
        query = (
            select(Document.object_key)
            .where(Document.object_key > after, Document.live_generation.is_not(None))
            .order_by(Document.object_key)
            .limit(limit)
        )
        if until is not None:
            query = query.where(Document.object_key <= until)
        return list(await self._session.scalars(query))

    async def witnesses(self, count: int) -> list[str]:
        """The keys of the oldest and the newest searchable documents, so many of each."""
        live = select(Document.object_key).where(Document.live_generation.is_not(None)).limit(count)
        oldest = await self._session.scalars(live.order_by(Document.id))
        newest = await self._session.scalars(live.order_by(Document.id.desc()))
        return list(dict.fromkeys([*newest, *oldest]))

    async def live_spaces(self, *, tenant_id: UUID | None = None) -> set[str]:
        """The embedding spaces that should hold rows, a tenant's or all; reads all documents."""
        spaces: set[str] = set()
        for column in (Document.live_space, Document.live_image_space):
            query = select(column).where(column.is_not(None)).distinct()
            if tenant_id is not None:
                query = query.where(Document.tenant_id == tenant_id)
            rows = await self._session.scalars(query)
            spaces.update(space for space in rows if space is not None)
        return spaces

    async def live_documents(
        self,
        space: str,
        *,
        dataset_id: UUID | None,
        after: UUID | None,
        live_before: datetime | None,
        limit: int,
    ) -> list[UUID]:
        """Those that should have rows in a space, of one dataset or of all, in the order of ids."""
        query = (
            select(Document.id)
            .where(
                or_(
                    and_(Document.live_space == space, Document.chunk_count > 0),
                    and_(Document.live_image_space == space, Document.image_count > 0),
                )
            )
            .order_by(Document.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(Document.id > after)
        if dataset_id is not None:
            query = query.where(Document.dataset_id == dataset_id)
        if live_before is not None:
            query = query.where(Document.live_at < live_before)
        return list(await self._session.scalars(query))

    async def abandon(self, document_id: UUID, *, stored: int) -> tuple[int, int] | None:
        """Give up what nobody works on, up to generation `stored`, which the index holds.

        Returns the live generation (0 if there is none) and the highest one: no attempt will ever
        make one between the two live, so their rows may go. None if a job is at work after all.
        """
        document = await self._idle(document_id)
        if document is None:
            return None
        document.building_etag = document.building_fingerprint = None
        # Higher than all that was allocated: the tables are older than the index, restored perhaps.
        document.generation = max(document.generation, stored)
        return document.live_generation or 0, document.generation

    async def rebuild(self, known: Known) -> bool:
        """Make the next job write the live generation anew, as another one.

        False if a job is at work on it, or was, after the document was looked at.
        """
        document = await self._idle(known.document_id)
        if (
            document is None
            or document.live_generation != known.live_generation
            or document.chunk_count != known.chunk_count
            or document.image_count != known.image_count
        ):
            return False
        document.live_fingerprint = None
        await self._session.flush()
        return True

    async def purge(self, document_id: UUID) -> None:
        """Ask the upkeep to delete the older generations of a document."""
        await self._session.execute(
            update(Document).where(Document.id == document_id).values(purge_after=func.now())
        )

    async def _idle(self, document_id: UUID) -> Document | None:
        """The document, locked; None if a job is at work on it."""
        document = await self._session.scalar(
            select(Document).where(Document.id == document_id).with_for_update(key_share=True)
        )
        busy = await self._session.scalar(
            select(Job.id).where(Job.document_id == document_id, Job.status.in_(UNFINISHED))
        )
        return document if busy is None else None

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
                dataset_id=document.dataset_id,
                tenant_id=document.tenant_id,
                object_key=document.object_key,
                live_etag=document.live_etag,
                live_generation=document.live_generation,
                live_space=document.live_space,
                building_generation=document.generation if document.building_etag else None,
                purged_below=purge_bound(document) if document.purge_after else 0,
                chunk_count=document.chunk_count,
                busy=status in UNFINISHED,
                stale_building=bool(given_up),
                judged_etag=document.judged_etag
                if status in (Status.FAILED, Status.CANCELLED)
                else None,
                live_image_space=document.live_image_space,
                image_count=document.image_count,
            )
            for document, status, given_up in rows
        ]
