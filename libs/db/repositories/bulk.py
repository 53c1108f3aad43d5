"""Orders to all jobs that match a filter, a batch at a time.

The caller goes from batch to batch, each in a transaction of its own, and passes the last id on:
what a batch could not do does not come again. Rows are locked documents first, then jobs, by id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.models import Dataset, Document, Job, Status
from db.repositories.bell import UNFINISHED
from db.repositories.commands import cancel_locked, requeue_locked
from db.repositories.job_history import JobFilter
from db.repositories.tombstones import REMOVAL_REASON

FINISHED_BADLY = (Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class Batch:
    """How many jobs were done. `last_id` is where the next batch goes on; None: that was all."""

    done: int
    last_id: UUID | None


@dataclass(frozen=True, slots=True)
class Pace:
    """When jobs that are queued anew are due: `per_minute` of them a minute; None: at once."""

    begin: datetime
    per_minute: int | None = None

    def due(self, number: int) -> datetime:
        """Of the job with this number, counted from 0 through all batches."""
        if self.per_minute is None:
            return self.begin
        return self.begin + timedelta(minutes=1) * (number / self.per_minute)


class BulkRepository:
    """Everything here is scoped to a tenant; deleted datasets and documents do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def now(self) -> datetime:
        return (await self._session.execute(select(func.now()))).scalar_one()

    async def cancellable(self, wanted: JobFilter) -> int:
        """How many jobs a cancel would end."""
        return await self._count(self._matching(wanted, *_CANCELLABLE))

    async def cancel(self, wanted: JobFilter, *, after: UUID | None, limit: int) -> Batch:
        """Cancel the oldest unfinished jobs behind `after` that match; removals go on."""
        query = self._matching(wanted, *_CANCELLABLE).order_by(Job.id)
        if after is not None:
            query = query.where(Job.id > after)
        candidates = (await self._session.execute(query.limit(limit))).all()
        still = (*_CANCELLABLE, *wanted.conditions())
        jobs = [job_id for job_id, _ in await self._lock(candidates, *still)]
        if jobs:
            await cancel_locked(self._session, jobs)
        return _batch(candidates, len(jobs), limit)

    async def retryable(self, wanted: JobFilter) -> tuple[int, int]:
        """How many jobs match a retry, and how many documents it would queue a job of."""
        jobs = await self._count(self._matching(wanted, *_RETRYABLE))
        ready = self._matching(wanted, *_RETRYABLE, ~_at_work(), ~indexed_since()).subquery()
        documents = await self._session.scalar(select(func.count(ready.c.document_id.distinct())))
        return jobs, documents or 0

    async def retry(
        self, wanted: JobFilter, *, before: UUID | None, limit: int, pace: Pace, number: int
    ) -> Batch:
        """Queue the newest failed or cancelled jobs before `before` that match, the first of them
        as `number` of `pace`.

        Left out is a job whose document another one works on, also one queued here, or has indexed
        since.
        """
        query = self._matching(wanted, *_RETRYABLE, ~_at_work(), ~indexed_since())
        query = query.order_by(Job.id.desc())
        if before is not None:
            query = query.where(Job.id < before)
        candidates = (await self._session.execute(query.limit(limit))).all()
        locked = await self._lock(candidates, *_RETRYABLE, *wanted.conditions())
        ready = await self._ready([job_id for job_id, _ in locked])
        # The newest first: of one document's jobs, that one says what failed last.
        latest: dict[UUID, UUID] = {}
        for job_id, document_id in sorted(locked, reverse=True):
            if job_id in ready:
                latest.setdefault(document_id, job_id)
        if latest:
            jobs = latest.values()
            await requeue_locked(
                self._session,
                {job_id: pace.due(turn) for turn, job_id in enumerate(jobs, start=number)},
            )
        return _batch(candidates, len(latest), limit)

    async def _lock(
        self, candidates: Sequence[tuple[UUID, UUID]], *conditions: ColumnElement[bool]
    ) -> Sequence[tuple[UUID, UUID]]:
        """Lock these jobs and, before them, their documents; those of which it is still true."""
        await self._session.execute(
            select(Document.id)
            .where(Document.id.in_({document_id for _, document_id in candidates}))
            .order_by(Document.id)
            .with_for_update(key_share=True)
        )
        # Nobody changes the documents now, so that the conditions hold of both from here on.
        rows = await self._session.execute(
            select(Job.id, Job.document_id)
            .join(Document, Document.id == Job.document_id)
            .where(Job.id.in_([job_id for job_id, _ in candidates]), *conditions)
            .order_by(Job.id)
            .with_for_update(of=Job, key_share=True)
        )
        return rows.all()

    async def _ready(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Which of these jobs may be queued anew; the caller has locked them and their documents,
        so that this stays so."""
        rows = await self._session.scalars(
            select(Job.id)
            .join(Document, Document.id == Job.document_id)
            .where(Job.id.in_(job_ids), *_RETRYABLE, ~_at_work(), ~indexed_since())
        )
        return set(rows)

    async def _count(self, matching: Select[UUID, UUID]) -> int:
        return (
            await self._session.scalar(select(func.count()).select_from(matching.subquery())) or 0
        )

    def _matching(self, wanted: JobFilter, *conditions: ColumnElement[bool]) -> Select[UUID, UUID]:
        return (
            select(Job.id, Job.document_id)
            .join(Document, Document.id == Job.document_id)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .where(
                Job.tenant_id == self._tenant_id,
                Dataset.deleted_at.is_(None),
                *wanted.conditions(),
                *conditions,
            )
        )


_CANCELLABLE = (
    Job.status.in_(UNFINISHED),
    Job.reason != REMOVAL_REASON,
    Document.deleted_at.is_(None),
)
_RETRYABLE = (
    Job.status.in_(FINISHED_BADLY),
    Document.deleted_at.is_(None),
    Document.removed_at.is_(None),
)


def indexed_since() -> ColumnElement[bool]:
    """Whether a later job has indexed the document of `Job`, which failed or was cancelled."""
    later = aliased(Job)
    return exists().where(
        later.document_id == Job.document_id,
        later.status == Status.COMPLETED,
        later.finished_at > Job.finished_at,
    )


def _at_work() -> ColumnElement[bool]:
    """Whether a job of the document of `Job` is unfinished."""
    other = aliased(Job)
    return exists().where(other.document_id == Job.document_id, other.status.in_(UNFINISHED))


def _batch(candidates: Sequence[tuple[UUID, UUID]], done: int, limit: int) -> Batch:
    more = len(candidates) == limit
    return Batch(done, candidates[-1][0] if more else None)
