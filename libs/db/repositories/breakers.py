"""Which dependencies attempts found unavailable, since when, and who goes to see if they are back.

A breaker is a row while its dependency is away. The announcer holds back the jobs that need it and
lets one through now and then; the first attempt that gets through removes the row, and what waited
is due at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Breaker, Dataset, Job, Tenant
from db.repositories.announcing import IS_QUEUED
from db.repositories.bell import ring
from db.repositories.pauses import held_back

# Between two probes: a quarter of the time that the dependency has been away, within these.
PROBE_FIRST = timedelta(seconds=2)
PROBE_LATEST = timedelta(seconds=15)
# Nobody asks for it any more, so nobody can tell whether it is back.
FORGOTTEN_AFTER = timedelta(minutes=5)
# What a dependency that came back sets free at once; more becomes due by its own backoff.
FREED_MAX = 5_000
# Freed jobs come back within this, not at one moment.
FREED_WITHIN_SECONDS = 2.0
# Written out for the sake of its partial index, as in `announcing`.
WAITS_FOR_DEPENDENCY = Job.waiting_for == literal_column("'dependency'")


@dataclass(frozen=True, slots=True)
class Probe:
    """A breaker whose turn it is, and the job that waits longest for its dependency, if any."""

    dependency: str
    job_id: UUID | None
    large: bool


class BreakerRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, dependency: str, *, code: str, error: str) -> None:
        """Note a failure; `open_since` stays that of the first one."""
        away_seconds = func.extract("epoch", func.now() - Breaker.open_since)
        await self._session.execute(
            insert(Breaker)
            .values(
                dependency=dependency,
                error_code=code,
                error=error,
                probe_at=func.now() + PROBE_FIRST,
            )
            .on_conflict_do_update(
                index_elements=["dependency"],
                set_={
                    "last_failure_at": func.now(),
                    "error_code": code,
                    "error": error,
                    "probe_at": func.now()
                    + _seconds(
                        func.least(
                            func.greatest(away_seconds / 4, PROBE_FIRST.total_seconds()),
                            PROBE_LATEST.total_seconds(),
                        )
                    ),
                },
            )
        )

    async def close(self, answers: Mapping[str, timedelta]) -> list[str]:
        """These answered so long ago. Returns those that were thought away and are not; what waited
        for them is due.

        An answer from before the last failure says nothing: an attempt that looked at its object
        and then embeds for an hour does not know whether the object store is still there.
        """
        if not answers:
            return []
        proven = (
            select(Breaker.dependency)
            .where(
                or_(
                    *(
                        and_(
                            Breaker.dependency == dependency,
                            Breaker.last_failure_at <= func.clock_timestamp() - age,
                        )
                        for dependency, age in answers.items()
                    )
                )
            )
            # Skipped rather than waited for: who holds one may want another that is ours.
            .with_for_update(skip_locked=True)
        )
        closed = list(
            await self._session.scalars(
                delete(Breaker)
                .where(Breaker.dependency.in_(proven))
                .returning(Breaker.dependency)
                .execution_options(synchronize_session=False)
            )
        )
        if closed:
            await self._free(closed)
            await ring(self._session)
        return closed

    async def opened(self) -> list[Breaker]:
        rows = await self._session.scalars(select(Breaker).order_by(Breaker.dependency))
        return list(rows)

    async def probes(self) -> list[Probe]:
        """The breakers that are to be probed now; each is not offered again for a while.

        A breaker that no job has run into for long is forgotten.
        """
        breakers = await self._session.scalars(
            select(Breaker)
            .where(Breaker.probe_at <= func.now())
            .order_by(Breaker.dependency)
            .with_for_update(skip_locked=True)
        )
        probes = []
        for breaker in breakers.all():
            # A probe that never says how it went must not be the last one.
            breaker.probe_at = func.now() + PROBE_LATEST
            probes.append(await self._probe(breaker.dependency))
        await self._session.flush()
        return probes

    async def forget(self, dependency: str) -> None:
        """Nothing is there to probe it with; after a while it counts as unknown."""
        await self._session.execute(
            delete(Breaker).where(
                Breaker.dependency == dependency,
                Breaker.last_failure_at < func.now() - FORGOTTEN_AFTER,
            )
        )

    async def _probe(self, dependency: str) -> Probe:
        job = await self._session.scalar(
            select(Job)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .join(Tenant, Tenant.id == Job.tenant_id)
            .where(
                IS_QUEUED,
                WAITS_FOR_DEPENDENCY,
                Job.dependency == dependency,
                ~held_back(),
            )
            .order_by(Job.run_after)
            .limit(1)
            .with_for_update(of=Job, key_share=True, skip_locked=True)
        )
        if job is None:
            return Probe(dependency, None, large=False)
        job.run_after = func.least(Job.run_after, func.now())
        return Probe(dependency, job.id, job.large)

    async def _free(self, dependencies: list[str]) -> None:
        waiting = (
            select(Job.id)
            .where(
                IS_QUEUED,
                WAITS_FOR_DEPENDENCY,
                or_(*(Job.dependency == each for each in dependencies)),
                Job.run_after > func.now(),
            )
            .order_by(Job.run_after)
            .limit(FREED_MAX)
            # Skipped rather than waited for: the caller holds a job of its own.
            .with_for_update(key_share=True, skip_locked=True)
        )
        await self._session.execute(
            update(Job)
            .where(Job.id.in_(waiting))
            .values(
                run_after=func.least(
                    Job.run_after, func.now() + _seconds(func.random() * FREED_WITHIN_SECONDS)
                ),
                announced_at=None,
            )
            .execution_options(synchronize_session=False)
        )


def _seconds(number: ColumnElement[float]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, number)
