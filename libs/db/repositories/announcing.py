"""What the announcer asks: which leases ran out, which jobs are due, and what it has rung for."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from uuid import UUID

from sqlalchemy import (
    CTE,
    Boolean,
    Integer,
    Interval,
    Select,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from db.fingerprints import error_fingerprint
from db.models import Dataset, Document, Job, Outcome, Status, Tenant
from db.repositories.history import end_running_attempt, record_event, take_back
from db.repositories.pauses import paused
from db.repositories.tombstones import REMOVAL_PRIORITY, REMOVAL_REASON

LOWEST_PRIORITY = -(2**31)  # below what anybody can set

# Any constant will do; it keeps two pollers from announcing at once.
ANNOUNCER_LOCK = 7_305_113


# Written out rather than sent as parameters: only so can a plan that is kept use a partial index.
IS_QUEUED = Job.status == literal_column("'queued'")
IS_PROCESSING = Job.status == literal_column("'processing'")


@dataclass(frozen=True, slots=True)
class Due:
    """A job that may be announced; the ids of its owners are there for fairness.

    `outstanding`: how many other jobs of its dataset are out with workers.
    """

    job_id: UUID
    tenant_id: UUID
    dataset_id: UUID
    priority: int
    large: bool
    outstanding: int = 0


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
            tries, lapses, stage = job.tries, job.lapses + 1, job.stage
            take_back(job)
            job.tries, job.lapses = max(tries - 1, 0), lapses
            if is_news:
                # Another version now, which must not suffer for what the last one did.
                job.tries = job.lapses = 0
            if lapses >= lapses_max and not is_news and document.deleted_at is None:
                document.judged_etag = document.building_etag or document.etag
                job.status, job.stage = Status.FAILED, stage  # where it killed them
                job.finished_at = func.now()
                job.error_code = "attempts_exhausted"
                job.error = (
                    "The worker died or hung every time it worked on this document. "
                    "Check the file, then retry by hand."
                )
                job.error_fingerprint = error_fingerprint(job.error_code, job.stage, job.error)
                record_event(self._session, job, "job.failed", error_code="attempts_exhausted")
            else:
                # It keeps its place, before all that came after it: behind a backlog, the work of
                # a dead worker would be taken up again only when that is done.
                job.status = Status.QUEUED
                if lapses > lapses_max:
                    # A removal never fails; one that keeps lapsing comes back less often.
                    job.run_after = func.now() + timedelta(seconds=30) * (lapses - lapses_max)
                record_event(self._session, job, "job.lapsed", lapses=lapses)
            reaped.append(job.id)
        await self._session.flush()
        return reaped

    async def due(
        self,
        *,
        large: bool,
        announced_before: timedelta,
        limit: int,
        only_removals: bool = False,
    ) -> list[Due]:
        """The jobs of one queue that were not announced lately: at most `limit` a tenant.

        Sorted by priority, then by turn: the head of every dataset comes before the second job of
        any, and what a dataset has out with workers counts as turns that it has had. A lateral
        join reads the heads only, so the cost follows the number of datasets that have work, not
        the length of the backlog. `only_removals`: indexing is held back as by a pause.
        """
        rows = await self._session.execute(
            _due(large),
            {
                "announced_before": announced_before,
                "limit": limit,
                "only_removals": only_removals,
            },
        )
        return [Due(*row) for row in rows]

    async def outstanding(self, announced_before: timedelta) -> dict[UUID, int]:
        """How many jobs of each tenant workers hold, or are about to be handed."""
        rows = await self._session.execute(_outstanding(), {"announced_before": announced_before})
        return {row[0]: int(row[1]) for row in rows}

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


# Built once: to write this statement anew costs Python more than to run it costs Postgres, and the
# announcer asks it many times a second.
@cache
def _due(large: bool) -> Select[UUID, UUID, UUID, int, bool, int]:
    """Parameters: `announced_before` (an interval), `limit`, `only_removals`."""
    held = or_(paused(), bindparam("only_removals", type_=Boolean))
    with_work = _datasets_with_work()
    head = (
        select(Job.id, Job.tenant_id, Job.priority, Job.large, Job.run_after)
        .where(
            # Of those with work: for all datasets that ever were it would be slow.
            Job.dataset_id == with_work.c.dataset_id,
            IS_QUEUED,
            Job.large.is_(large),
            # A pause holds back indexing, never a removal. Removals stand at the head, so the
            # backlog of a paused dataset is not read for them.
            Job.priority >= case((held, REMOVAL_PRIORITY), else_=LOWEST_PRIORITY),
            or_(~held, Job.reason == REMOVAL_REASON),
            Job.run_after <= func.now(),
            or_(
                Job.announced_at.is_(None),
                Job.announced_at < func.now() - bindparam("announced_before", type_=Interval),
            ),
        )
        .order_by(Job.priority.desc(), Job.run_after, Job.id)
        .limit(bindparam("limit", type_=Integer))
        .lateral("head")
    )
    out = _out().subquery("out")
    outstanding = func.coalesce(out.c.jobs, 0)
    turn = outstanding + func.row_number().over(
        partition_by=Dataset.id,
        order_by=(head.c.priority.desc(), head.c.run_after, head.c.id),
    )
    turns = (
        select(head, Dataset.id.label("dataset_id"), turn.label("turn"))
        .add_columns(outstanding.label("outstanding"))
        .select_from(with_work)
        .join(Dataset, Dataset.id == with_work.c.dataset_id)
        .join(Tenant, Tenant.id == Dataset.tenant_id)
        .join(head, true())
        .outerjoin(out, out.c.dataset_id == Dataset.id)
        .where(Dataset.purged_at.is_(None))
        .subquery("turns")
    )
    order = (turns.c.priority.desc(), turns.c.turn, turns.c.run_after, turns.c.id)
    place = func.row_number().over(partition_by=turns.c.tenant_id, order_by=order)
    row = select(turns, place.label("place")).subquery("placed").c
    return (
        select(row.id, row.tenant_id, row.dataset_id, row.priority, row.large, row.outstanding)
        .where(row.place <= bindparam("limit", type_=Integer))
        .order_by(row.priority.desc(), row.turn, row.run_after, row.id)
    )


@cache
def _outstanding() -> Select[UUID, int]:
    out = _out().subquery("out")
    return (
        select(Dataset.tenant_id, func.sum(out.c.jobs))
        .join(out, out.c.dataset_id == Dataset.id)
        .group_by(Dataset.tenant_id)
    )


def _out() -> Select[UUID, int]:
    """Jobs in the hands of workers, or announced and not yet claimed, by dataset.

    Parameter: `announced_before`, an interval.

    Both parts have an index of their own; neither grows with the backlog.
    """
    claimed = select(Job.dataset_id).where(IS_PROCESSING)
    announced = select(Job.dataset_id).where(
        IS_QUEUED,
        Job.announced_at >= func.now() - bindparam("announced_before", type_=Interval),
    )
    both = claimed.union_all(announced).subquery("both")
    return select(both.c.dataset_id, func.count().label("jobs")).group_by(both.c.dataset_id)


def _datasets_with_work() -> CTE:
    """The datasets that have a queued job: a walk from one to the next along the index.

    `SELECT DISTINCT` would read the whole backlog, and a join with all datasets would probe every
    one that ever was.
    """
    # In the whole order of that index: others hold the finished jobs too.
    order = (Job.dataset_id, Job.large, Job.priority.desc(), Job.run_after, Job.id)
    first = select(Job.dataset_id).where(IS_QUEUED).order_by(*order).limit(1).subquery()
    walk = select(first.c.dataset_id).cte("with_work", recursive=True)
    after = (
        select(Job.dataset_id)
        .where(IS_QUEUED, Job.dataset_id > walk.c.dataset_id)
        .order_by(*order)
        .limit(1)
        .lateral("after")
    )
    return walk.union_all(select(after.c.dataset_id).select_from(walk).join(after, true()))
