"""What is tidied in the background: old generations, deleted datasets, unused upload URLs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Document, Job, UploadHint
from db.repositories.bell import UNFINISHED
from db.repositories.history import record_document_event
from db.repositories.tombstones import bury, queue_removal


@dataclass(frozen=True, slots=True)
class Purge:
    """The rows of a document with a generation below `below` may go."""

    document_id: UUID
    dataset_id: UUID
    below: int
    asked_at: datetime
    removed: bool  # the whole document is: nothing of it may stay anywhere


class UpkeepRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def purges(self, limit: int) -> list[Purge]:
        """Documents whose older generations are due to go.

        Generations only rise, so what is allocated after this look is never below the bound.
        """
        documents = await self._session.scalars(
            select(Document)
            .where(Document.purge_after <= func.now())
            .order_by(Document.purge_after)
            .limit(limit)
        )
        return [
            Purge(
                document.id,
                document.dataset_id,
                purge_bound(document),
                document.purge_after,
                removed=document.removed_at is not None,
            )
            for document in documents
            if document.purge_after is not None
        ]

    async def purged(self, purge: Purge) -> None:
        """The rows are gone; a purge that was asked for meanwhile stays due."""
        await self._session.execute(
            update(Document)
            .where(Document.id == purge.document_id, Document.purge_after == purge.asked_at)
            .values(purge_after=None)
            .execution_options(synchronize_session=False)
        )

    async def bury_deleted(self, limit: int) -> int:
        """Put tombstones on documents of deleted datasets; returns on how many."""
        documents = await self._session.scalars(
            select(Document)
            .join(Dataset, Dataset.id == Document.dataset_id)
            .where(
                Dataset.deleted_at.is_not(None),
                Dataset.purged_at.is_(None),
                Document.deleted_at.is_(None),
                Document.removed_at.is_(None),
            )
            .order_by(Document.id)
            .limit(limit)
            .with_for_update(of=Document, skip_locked=True, key_share=True)
        )
        buried = 0
        for document in documents:
            await bury(self._session, document)
            buried += 1
        return buried

    async def queue_stranded_removals(self, limit: int) -> int:
        """Queue a job for every tombstone that has none at work; returns for how many."""
        documents = await self._session.scalars(
            select(Document)
            .where(
                Document.deleted_at.is_not(None),
                Document.removed_at.is_(None),
                ~exists().where(Job.document_id == Document.id, Job.status.in_(UNFINISHED)),
            )
            .order_by(Document.id)
            .limit(limit)
            .with_for_update(skip_locked=True, key_share=True)
        )
        stranded = list(documents)
        for document in stranded:
            await queue_removal(self._session, document)
        return len(stranded)

    async def emptied_datasets(self, *, after: timedelta, limit: int) -> list[UUID]:
        """Deleted datasets of which nothing is left and for which no upload URL is valid."""
        rows = await self._session.scalars(
            select(Dataset.id)
            .where(
                Dataset.deleted_at < func.now() - after,
                Dataset.purged_at.is_(None),
                ~exists().where(
                    Document.dataset_id == Dataset.id,
                    Document.removed_at.is_(None),
                ),
                ~exists().where(Job.dataset_id == Dataset.id, Job.status.in_(UNFINISHED)),
                ~exists().where(
                    and_(
                        Document.dataset_id == Dataset.id,
                        UploadHint.document_id == Document.id,
                        UploadHint.expires_at > func.now(),
                    )
                ),
            )
            .limit(limit)
        )
        return list(rows)

    async def dataset_purged(self, dataset_id: UUID) -> None:
        """Forget the dataset, unless something came for it after all: then a later round does."""
        await self._session.execute(
            update(Dataset)
            .where(
                Dataset.id == dataset_id,
                ~exists().where(Job.dataset_id == Dataset.id, Job.status.in_(UNFINISHED)),
            )
            .values(purged_at=func.now())
        )

    async def forget_unused_uploads(self, *, after: timedelta, limit: int) -> int:
        """Hide documents whose upload URL ran out unused; an upload that comes yet revives them."""
        hints = list(
            await self._session.scalars(
                select(UploadHint)
                .where(UploadHint.arrived_at.is_(None), UploadHint.expires_at < func.now() - after)
                .limit(limit)
                .with_for_update(skip_locked=True, key_share=True)
            )
        )
        if not hints:
            return 0
        owners = {hint.document_id for hint in hints}
        hidden = await self._session.scalars(
            update(Document)
            .where(
                Document.id.in_(owners),
                Document.removed_at.is_(None),
                ~exists().where(Job.document_id == Document.id),
                ~exists().where(
                    UploadHint.document_id == Document.id, UploadHint.expires_at > func.now()
                ),
            )
            .values(removed_at=func.now())
            .returning(Document)
            .execution_options(synchronize_session=False)
        )
        for document in hidden.all():
            record_document_event(self._session, document, "document.forgotten")
        await self._session.execute(
            delete(UploadHint).where(UploadHint.id.in_([hint.id for hint in hints]))
        )
        return len(hints)


def purge_bound(document: Document) -> int:
    """Rows of generations below this may go."""
    if document.live_generation is not None:
        return document.live_generation
    # Nothing is live: all may go but what is being built.
    return document.generation if document.building_etag else document.generation + 1
