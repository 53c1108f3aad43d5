"""Hints that objects changed become jobs: from events, from clients, from the audit.

A hint never says what to do, only that the index may no longer agree with the object. So a hint
that repeats what is known changes nothing, and a hint about a document whose job is still queued
changes nothing either: that job will look at the store when it runs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import uuid7
from db.models import Dataset, Document, Job, Status, UploadHint, WaitingFor
from db.repositories.bell import UNFINISHED, ring
from db.repositories.history import record_event
from db.repositories.tombstones import REMOVAL_REASON, bury


@dataclass(frozen=True, slots=True)
class Change:
    """An object of a known dataset may have changed.

    `etag`, `size` and `at` are what an event said of it; a hint without `at` (a client's word, a
    retry by hand) always leads to a look at the store, whatever its size. `gone` is set for a
    delete event.
    """

    dataset_id: UUID
    object_key: str
    file_name: str
    reason: str
    etag: str | None = None
    size: int | None = None
    at: datetime | None = None
    gone: bool = False


class ChangeRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def apply(self, changes: Sequence[Change], *, large_bytes: int) -> dict[str, UUID | None]:
        """Turn hints into jobs, all in this transaction.

        Returns, for each object key, the document's unfinished job, or None where nothing is left
        to do. Changes of unknown datasets are the caller's to sort out beforehand. Several changes
        of one key count in the order given. Documents are locked before jobs, both by id.
        """
        if not changes:
            return {}
        datasets = await self._datasets({change.dataset_id for change in changes})
        documents = await self._lock_documents(changes, datasets)
        jobs = await self._lock_unfinished([document.id for document in documents.values()])
        now = (await self._session.execute(select(func.now()))).scalar_one()

        made = False
        for change in changes:
            document = documents[change.object_key]
            dataset = datasets[change.dataset_id]
            job = jobs.get(document.id)
            if not self._is_news(change, document, dataset, job):
                continue
            self._note(change, document, now)
            if dataset.deleted_at is not None:
                # Whatever arrives for a deleted dataset is removed again, and nobody indexes it.
                await bury(self._session, document)
                document.removed_at = None
                jobs |= await self._lock_unfinished([document.id])
            elif job is None:
                jobs[document.id] = self._new_job(change, document, dataset, large_bytes)
                made = True
            elif job.status == Status.PROCESSING:
                document.wanted += 1
            elif job.waiting_for == WaitingFor.RETRY and change.etag is not None:
                # A new version deserves a try of its own, now.
                job.run_after, job.waiting_for, job.tries = now, None, 0
                job.lapses = 0
                record_event(self._session, job, "job.queued", reason=change.reason)
                made = True
            if job is not None and job.reason == REMOVAL_REASON and document.deleted_at is None:
                # What it removed came back: a job like others now, which a pause holds back.
                job.reason, job.priority = change.reason, dataset.priority
        await self._session.flush()
        await self._close_hints([document.id for document in documents.values()], now)
        if made:
            await ring(self._session)
        return {
            key: job.id if (job := jobs.get(document.id)) else None
            for key, document in documents.items()
        }

    async def existing_datasets(self, ids: Iterable[UUID]) -> set[UUID]:
        """Which of these datasets exist, deleted ones that still await their purge included."""
        rows = await self._session.scalars(
            select(Dataset.id).where(Dataset.id.in_(set(ids)), Dataset.purged_at.is_(None))
        )
        return set(rows)

    async def _datasets(self, ids: set[UUID]) -> dict[UUID, Dataset]:
        rows = await self._session.scalars(select(Dataset).where(Dataset.id.in_(ids)))
        return {dataset.id: dataset for dataset in rows}

    async def _lock_documents(
        self, changes: Sequence[Change], datasets: dict[UUID, Dataset]
    ) -> dict[str, Document]:
        first = {change.object_key: change for change in reversed(changes)}
        await self._session.execute(
            insert(Document)
            .values(
                [
                    {
                        "id": uuid7(),
                        "tenant_id": datasets[change.dataset_id].tenant_id,
                        "dataset_id": change.dataset_id,
                        "object_key": change.object_key,
                        "file_name": change.file_name,
                    }
                    for change in sorted(first.values(), key=lambda change: change.object_key)
                ]
            )
            .on_conflict_do_nothing(index_elements=["object_key"])
        )
        rows = await self._session.scalars(
            select(Document)
            .where(Document.object_key.in_(first))
            .order_by(Document.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        return {document.object_key: document for document in rows}

    async def _lock_unfinished(self, document_ids: list[UUID]) -> dict[UUID, Job]:
        rows = await self._session.scalars(
            select(Job)
            .where(Job.document_id.in_(document_ids), Job.status.in_(UNFINISHED))
            .order_by(Job.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        return {job.document_id: job for job in rows}

    @staticmethod
    def _is_news(change: Change, document: Document, dataset: Dataset, job: Job | None) -> bool:
        if change.at is None:
            return True
        repeated = document.event_time is not None and change.at <= document.event_time
        if repeated and change.etag == document.event_etag:
            return False
        if change.gone:
            # Our own delete is announced as well, to the very job that makes it.
            removing = job is not None and document.deleted_at is not None
            return not removing and (job is not None or document.removed_at is None)
        if document.deleted_at is not None or dataset.deleted_at is not None:
            return True
        # What the event announces is what search shows, made under today's settings.
        return job is not None or not (
            document.live_etag == change.etag
            and document.live_at is not None
            and document.live_at >= dataset.updated_at
        )

    @staticmethod
    def _note(change: Change, document: Document, now: datetime) -> None:
        if change.at is not None and (
            document.event_time is None or change.at >= document.event_time
        ):
            document.event_time, document.event_etag = change.at, change.etag
            if not change.gone:
                document.etag, document.size = change.etag, change.size
        if change.at is None:
            document.event_etag = change.etag  # None: nobody knows; a job looks for itself
        if change.at is None and change.size is not None:
            document.size = change.size  # from a look at the store: it decides the queue
        if document.removed_at is not None and not change.gone:
            document.removed_at = document.deleted_at = None
            document.deleted_etag = document.deleted_modified = None
        document.updated_at = now

    def _new_job(
        self, change: Change, document: Document, dataset: Dataset, large_bytes: int
    ) -> Job:
        job = Job(
            id=uuid7(),
            tenant_id=document.tenant_id,
            dataset_id=document.dataset_id,
            document_id=document.id,
            reason=change.reason,
            status=Status.QUEUED,
            priority=dataset.priority,
            large=(document.size or 0) >= large_bytes,
        )
        self._session.add(job)
        record_event(self._session, job, "job.queued", reason=change.reason)
        return job

    async def _close_hints(self, document_ids: list[UUID], now: datetime) -> None:
        hints = await self._session.scalars(
            select(UploadHint).where(
                UploadHint.document_id.in_(document_ids), UploadHint.arrived_at.is_(None)
            )
        )
        for hint in hints:
            hint.arrived_at = now
