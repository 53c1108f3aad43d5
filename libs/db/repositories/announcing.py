"""What the announcer asks: which leases ran out, which jobs are due, and what it has rung for."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Document, Job, Outcome, Status
from db.repositories.history import end_running_attempt, record_event, take_back
from db.repositories.tombstones import REMOVAL_PRIORITY, REMOVAL_REASON

LOWEST_PRIORITY = -(2**31)  # below what anybody can set

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
        alone for its first while then, and the cap ends a job that kills every worker it meets.
        """
        lapsed = (Job.status == Status.PROCESSING, Job.lease_until < func.now())
        owners = select(Job.document_id).where(*lapsed).order_by(Job.lease_until).limit(limit)
        documents = {
            document.id: document
            for document in await self._session.scalars(
                select(Document)
                .where(Document.id.in_(owners))
                .order_by(Document.id)
                .with_for_update(skip_locked=True, key_share=True)
            )
        }
        jobs = await self._session.scalars(
            select(Job)
            .where(Job.document_id.in_(documents), *lapsed)
            .order_by(Job.id)
            .with_for_update(skip_locked=True, key_share=True)
        )
        reaped = []
        for job in jobs:
            document = documents[job.document_id]
            is_news = document.wanted != job.wanted_seen
            await end_running_attempt(self._session, job, Outcome.LAPSED)
            tries, lapses = job.tries, job.lapses + 1
            take_back(job)
            job.tries, job.lapses = max(tries - 1, 0), lapses
            if is_news:
                # Another version now, which must not suffer for what the last one did.
                job.tries = job.lapses = 0
            if lapses >= lapses_max and not is_news and document.deleted_at is None:
                document.judged_etag = document.building_etag or document.etag
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
                # A removal never fails; one that keeps lapsing comes back less often.
                job.run_after = func.now() + timedelta(seconds=30) * max(lapses - lapses_max, 0)
                record_event(self._session, job, "job.lapsed", lapses=lapses)
            reaped.append(job.id)
        await self._session.flush()
        return reaped

    async def due(self, *, large: bool, announced_before: timedelta, limit: int) -> list[Due]:
        """The jobs of one queue that were not announced lately: at most `limit` a tenant.

        A lateral join reads the head of every dataset's queue only, so the cost follows the number
        of datasets that have work, not the length of the backlog.
        """
        held = and_(Dataset.paused_at.is_not(None), Dataset.deleted_at.is_(None))
        head = (
            select(Job.id, Job.tenant_id, Job.priority, Job.large, Job.run_after)
            .where(
                Job.dataset_id == Dataset.id,
                Job.status == Status.QUEUED,
                Job.large.is_(large),
                # A pause holds back indexing, never a removal. Removals stand at the head, so the
                # backlog of a paused dataset is not read for them.
                Job.priority >= case((held, REMOVAL_PRIORITY), else_=LOWEST_PRIORITY),
                or_(~held, Job.reason == REMOVAL_REASON),
                Job.run_after <= func.now(),
                or_(
                    Job.announced_at.is_(None),
                    Job.announced_at < func.now() - announced_before,
                ),
            )
            .order_by(Job.priority.desc(), Job.run_after, Job.id)
            .limit(limit)
            .lateral("head")
        )
        place = func.row_number().over(
            partition_by=head.c.tenant_id,
            order_by=(head.c.priority.desc(), head.c.run_after, head.c.id),
        )
        ranked = (
            select(
                head.c.id.label("job_id"),
                head.c.tenant_id,
                Dataset.id.label("dataset_id"),
                head.c.priority,
                head.c.large,
                head.c.run_after,
                place.label("place"),
            )
            .select_from(Dataset)
            .join(head, true())
            .where(Dataset.purged_at.is_(None))
            .subquery()
        )
        row = ranked.c
        rows = await self._session.execute(
            select(row.job_id, row.tenant_id, row.dataset_id, row.priority, row.large)
            .where(row.place <= limit)
            .order_by(row.priority.desc(), row.run_after, row.job_id)
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
            .where(
                Job.id.in_(
                    select(Job.id)
                    .where(Job.id.in_(job_ids), Job.status == Status.QUEUED)
                    .order_by(Job.id)  # as everybody locks jobs
                    .with_for_update(skip_locked=True, key_share=True)
                )
            )
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
