"""What the announcer asks: which leases ran out, which jobs are due, and what it has rung for."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Job, Outcome, Status
from db.repositories.history import end_running_attempt, record_event, take_back

# Any constant will do; it keeps two pollers from announcing at once.
ANNOUNCER_LOCK = 7_305_113


@dataclass(frozen=True, slots=True)
class Due:
    """A job that may be announced; the ids of its owners are there for fairness."""

    job_id: UUID
    tenant_id: UUID
    dataset_id: UUID
    priority: int
    large: bool


class AnnouncingRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lead(self) -> bool:
        """Whether this transaction is the one that announces now; released at its end."""
        return bool(
            await self._session.scalar(select(func.pg_try_advisory_xact_lock(ANNOUNCER_LOCK)))
        )

    async def reap(self, *, lapses_max: int, limit: int) -> list[UUID]:
        """Queue the jobs whose lease ran out; those that lapsed too often fail.

        The lapse is not charged to the job's tries: perhaps a neighbour killed the worker. It runs
        alone next time, and the cap ends a job that kills every worker it meets.
        """
        jobs = await self._session.scalars(
            select(Job)
            .where(Job.status == Status.PROCESSING, Job.lease_until < func.now())
            .order_by(Job.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        reaped = []
        for job in jobs:
            await end_running_attempt(self._session, job, Outcome.LAPSED)
            tries, lapses = job.tries, job.lapses + 1
            take_back(job)
            job.tries, job.lapses = max(tries - 1, 0), lapses
            if lapses >= lapses_max:
                job.status = Status.FAILED
                job.finished_at = func.now()
                job.error_code = "attempts_exhausted"
                job.error = (
                    "The worker died or hung every time it worked on this document. "
                    "Check the file, then retry by hand."
                )
                record_event(self._session, job, "job.failed", error_code="attempts_exhausted")
            else:
                job.status = Status.QUEUED
                job.run_after = func.now()
                record_event(self._session, job, "job.lapsed", lapses=lapses)
            reaped.append(job.id)
        await self._session.flush()
        return reaped

    async def due(self, *, announced_before: timedelta, per_dataset: int, limit: int) -> list[Due]:
        """The jobs at the head of every dataset's queue that were not announced lately.

        A lateral join reads at most `per_dataset` index entries a dataset, so the cost follows the
        number of datasets that have work, not the length of the backlog.
        """
        head = (
            select(Job.id, Job.tenant_id, Job.priority, Job.large, Job.run_after)
            .where(
                Job.dataset_id == Dataset.id,
                Job.status == Status.QUEUED,
                Job.run_after <= func.now(),
                or_(
                    Job.announced_at.is_(None),
                    Job.announced_at < func.now() - announced_before,
                ),
            )
            .order_by(Job.priority.desc(), Job.run_after, Job.id)
            .limit(per_dataset)
            .lateral("head")
        )
        rows = await self._session.execute(
            select(head.c.id, head.c.tenant_id, Dataset.id, head.c.priority, head.c.large)
            .select_from(Dataset)
            .join(head, true())
            .where(
                Dataset.purged_at.is_(None),
                # A pause holds back indexing, never a removal.
                or_(Dataset.paused_at.is_(None), Dataset.deleted_at.is_not(None)),
            )
            .order_by(head.c.priority.desc(), head.c.run_after, head.c.id)
            .limit(limit)
        )
        return [Due(*row) for row in rows]

    async def at_work(self) -> dict[UUID, int]:
        """How many jobs each tenant has in the hands of workers now."""
        rows = await self._session.execute(
            select(Job.tenant_id, func.count())
            .where(Job.status == Status.PROCESSING)
            .group_by(Job.tenant_id)
        )
        return {row[0]: row[1] for row in rows}

    async def mark(self, job_ids: list[UUID]) -> None:
        """Note that these are being announced now."""
        await self._session.execute(
            update(Job)
            .where(Job.id.in_(job_ids), Job.status == Status.QUEUED)
            .values(announced_at=func.now())
            .execution_options(synchronize_session=False)
        )

    async def backlog(self) -> dict[str, float]:
        """Jobs by status that are unfinished, and the age in seconds of the oldest due one."""
        rows = await self._session.execute(
            select(Job.status, func.count())
            .where(Job.status.in_((Status.QUEUED, Status.PROCESSING)))
            .group_by(Job.status)
        )
        oldest = await self._session.scalar(
            select(func.extract("epoch", func.now() - func.min(Job.run_after))).where(
                Job.status == Status.QUEUED, Job.run_after <= func.now()
            )
        )
        counts = {status: float(count) for status, count in rows}
        return {
            "queued": counts.get(Status.QUEUED, 0.0),
            "processing": counts.get(Status.PROCESSING, 0.0),
            "oldest_due_seconds": float(oldest or 0),
        }
