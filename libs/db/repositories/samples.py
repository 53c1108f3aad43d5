"""Samples of what each tenant's jobs did, for curves over an hour, a day and a month.

The finest are taken as time passes; coarser ones are kept for longer. All count jobs by when they
finished, so that much of a sample can be taken late and is the same. What waited and what ran is
known only at the time: a late one says null for it, and coarser ones take it from the finer.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import HistorySample

# Any constant will do; it keeps two pollers from taking the same sample.
SAMPLER_LOCK = 7_305_114
# Of one tenant; what is beyond is a lot all the same, and counting it takes too long.
QUEUED_MAX = 500_000


@dataclass(frozen=True, slots=True)
class Step:
    """How far apart samples are, and how long they are kept."""

    length: timedelta
    kept: timedelta

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())


FINEST = Step(timedelta(seconds=10), timedelta(hours=2))
COARSER = (
    Step(timedelta(minutes=5), timedelta(days=2)),
    Step(timedelta(minutes=30), timedelta(days=30)),
)
STEPS = (FINEST, *COARSER)

COLUMNS = (
    "tenant_id, step_seconds, at, queued, processing, completed, failed, chunks, tokens, cost, "
    "oldest_seconds, p50_seconds, p95_seconds"
)
FINISHED = """
    select
        count(*) filter (where status = 'completed') as completed,
        count(*) filter (where status = 'failed') as failed,
        coalesce(sum(chunks_done) filter (where status = 'completed'), 0) as chunks,
        coalesce(sum(tokens), 0) as tokens,
        sum((select sum(usage.cost) from usage where usage.job_id = jobs.id)) as cost,
        percentile_cont(array[0.5, 0.95]) within group (
            order by extract(epoch from finished_at - created_at)
        ) filter (where status = 'completed') as seconds
    from jobs
    where tenant_id = tenants.id and status in ('completed', 'failed')
        and finished_at >= :since and finished_at < :until and finished_at is not null
"""
TAKE = f"""
insert into history_samples ({COLUMNS})
select
    tenants.id, :step, :until, queued.jobs, processing.jobs, finished.completed, finished.failed,
    finished.chunks, finished.tokens, finished.cost, oldest.seconds, finished.seconds[1],
    finished.seconds[2]
from tenants
cross join lateral (
    select count(*) as jobs from (
        select from jobs where tenant_id = tenants.id and status = 'queued' limit :queued_max
    ) as waiting
) as queued
cross join lateral (
    select count(*) as jobs from jobs where tenant_id = tenants.id and status = 'processing'
) as processing
left join lateral (
    select extract(epoch from :until - created_at) as seconds from jobs
    where tenant_id = tenants.id and status = 'queued' order by id limit 1
) as oldest on true
cross join lateral ({FINISHED}) as finished
where queued.jobs + processing.jobs + finished.completed + finished.failed > 0
on conflict do nothing
"""  # noqa: S608  # nothing in it comes from anywhere else
# It was unfinished then if it is now and was made before.
TAKE_LATE = f"""
insert into history_samples ({COLUMNS})
select
    tenants.id, :step, :until, null, null, finished.completed, finished.failed, finished.chunks,
    finished.tokens, finished.cost, null, finished.seconds[1], finished.seconds[2]
from tenants
cross join lateral ({FINISHED}) as finished
left join lateral (
    select created_at from jobs
    where tenant_id = tenants.id and status = 'queued' order by id limit 1
) as oldest on true
where finished.completed + finished.failed > 0 or oldest.created_at < :until or exists (
    select from jobs
    where tenant_id = tenants.id and status = 'processing' and created_at < :until
)
on conflict do nothing
"""  # noqa: S608  # as above
THIN = f"""
insert into history_samples ({COLUMNS})
select
    tenants.id, :step, :until, finer.queued, finer.processing, finished.completed, finished.failed,
    finished.chunks, finished.tokens, finished.cost, finer.oldest_seconds, finished.seconds[1],
    finished.seconds[2]
from tenants
cross join lateral ({FINISHED}) as finished
cross join lateral (
    select count(*) as steps, max(queued) as queued, max(processing) as processing,
        max(oldest_seconds) as oldest_seconds
    from history_samples
    where tenant_id = tenants.id and step_seconds = :finer and at > :since and at <= :until
) as finer
where finished.completed + finished.failed + finer.steps > 0
on conflict do nothing
"""  # noqa: S608  # as above


class SampleRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lead(self) -> bool:
        """Whether this transaction is the one that samples now; released at its end."""
        return bool(
            await self._session.scalar(select(func.pg_try_advisory_xact_lock(SAMPLER_LOCK)))
        )

    async def now(self) -> datetime:
        return (await self._session.execute(select(func.now()))).scalar_one()

    async def take(self, until: datetime) -> None:
        """The finest sample that ends then, of every tenant that has something to do or done."""
        await self._session.execute(
            text(TAKE),
            {
                "step": FINEST.seconds,
                "since": until - FINEST.length,
                "until": until,
                "queued_max": QUEUED_MAX,
            },
        )

    async def take_late(self, until: datetime) -> None:
        """A finest sample that ended then and was missed: what waited and ran is null."""
        await self._session.execute(
            text(TAKE_LATE),
            {"step": FINEST.seconds, "since": until - FINEST.length, "until": until},
        )

    async def thin(self, step: Step, finer: Step, until: datetime) -> None:
        """A coarser sample that ends then: what was finished is counted anew, of what waited and
        ran it has the most that finer ones know. Those that have served their time go."""
        await self._session.execute(
            text(THIN),
            {
                "step": step.seconds,
                "finer": finer.seconds,
                "since": until - step.length,
                "until": until,
            },
        )
        for each in STEPS:
            await self._session.execute(
                text("delete from history_samples where step_seconds = :step and at < :before"),
                {"step": each.seconds, "before": until - each.kept},
            )

    async def points(self, tenant_id: UUID, *, since: timedelta, step: Step) -> list[HistorySample]:
        """The samples of a tenant since so long ago, in order."""
        rows = await self._session.scalars(
            select(HistorySample)
            .where(
                HistorySample.tenant_id == tenant_id,
                HistorySample.step_seconds == step.seconds,
                HistorySample.at > func.now() - since,
            )
            .order_by(HistorySample.at)
        )
        return list(rows)


def step_for(since: timedelta) -> Step:
    """The finest step whose samples are kept for so long."""
    return next((step for step in STEPS if since <= step.kept), STEPS[-1])
