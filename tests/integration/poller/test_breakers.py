"""While a dependency is away what needs it is held back, and one job goes to see."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, update

from db.engine import Sessions
from db.models import Breaker, Dataset, Job, WaitingFor
from db.repositories.breakers import FORGOTTEN_AFTER, BreakerRepository
from db.repositories.commands import CommandRepository
from db.repositories.jobs import AttemptTally, JobRepository
from pipeline.broker import Doorbell, create_broker
from pipeline.errors import Dependency
from pipeline.queue import ALL_TASKS
from poller.announcer import Announcer
from support.attempts import claim
from support.catalog import Home, apply, document_of, job_of

NAMESPACE = "test"
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def announcer(sessions: Sessions, redis_url: str) -> AsyncIterator[Announcer]:
    broker = create_broker(redis_url, namespace=NAMESPACE, middleware=[])
    yield Announcer(
        sessions,
        Doorbell(broker),
        window=24,
        again=MINUTE,
        lapses_max=3,
        news=asyncio.Event(),
        hears=True,
    )
    broker.close()


async def is_away(sessions: Sessions, dependency: Dependency) -> None:
    async with sessions.begin() as session:
        await BreakerRepository(session).open(dependency, code="gone", error="It is gone.")


async def is_back(sessions: Sessions, dependency: Dependency) -> list[str]:
    async with sessions.begin() as session:
        return await BreakerRepository(session).close({dependency: timedelta(0)})


async def time_to_probe(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Breaker).values(probe_at=func.now()))


async def make_jobs(sessions: Sessions, home: Home, count: int) -> list[UUID]:
    made = await apply(sessions, *(home.change(f"{number:03}.txt") for number in range(count)))
    return [job for job in made.values() if job is not None]


async def waits_for(sessions: Sessions, job_id: UUID, dependency: Dependency) -> None:
    claimed = await claim(sessions, job_id)
    async with sessions.begin() as session:
        await JobRepository(session).wait_for(
            claimed,
            AttemptTally(),
            waiting_for=WaitingFor.DEPENDENCY,
            dependency=dependency,
            code="gone",
            message="It is gone.",
            delay=MINUTE,
        )


@pytest.mark.parametrize(
    "dependency", [Dependency.OBJECT_STORE, Dependency.VECTOR_STORE, Dependency.EMBEDDER]
)
async def test_nothing_is_rung_for_while_what_it_needs_is_away(
    sessions: Sessions, home: Home, announcer: Announcer, dependency: Dependency
) -> None:
    await make_jobs(sessions, home, 5)
    await is_away(sessions, dependency)

    away = await announcer.tick()
    await is_back(sessions, dependency)
    back = await announcer.tick()

    assert (away, back) == (0, 5)


async def test_one_job_is_let_through_to_see_whether_the_dependency_is_back(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    await make_jobs(sessions, home, 5)
    await is_away(sessions, Dependency.VECTOR_STORE)
    await time_to_probe(sessions)

    assert [await announcer.tick() for _ in range(3)] == [1, 0, 0]


async def test_the_probe_is_a_job_that_has_waited_for_the_dependency(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    waited, _ = await make_jobs(sessions, home, 2)
    await waits_for(sessions, waited, Dependency.EMBEDDER)
    await is_away(sessions, Dependency.EMBEDDER)
    await time_to_probe(sessions)

    await announcer.tick()

    assert (await job_of(sessions, waited)).announced_at is not None
    await claim(sessions, waited)  # it is due, whatever its backoff was


async def test_a_removal_goes_on_while_the_embedder_is_away(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    await make_jobs(sessions, home, 3)
    document = await document_of(sessions, home, "001.txt")
    async with sessions.begin() as session:
        removal = await CommandRepository(session, home.tenant_id).delete_document(
            home.dataset_id, document.id
        )
    await is_away(sessions, Dependency.EMBEDDER)

    assert await announcer.tick() == 1

    assert (await job_of(sessions, removal)).announced_at is not None


async def test_what_waited_for_a_dependency_is_due_when_it_is_back(
    sessions: Sessions, home: Home
) -> None:
    jobs = await make_jobs(sessions, home, 3)
    for job_id in jobs[:2]:
        await waits_for(sessions, job_id, Dependency.VECTOR_STORE)
    await waits_for(sessions, jobs[2], Dependency.EMBEDDER)
    await is_away(sessions, Dependency.VECTOR_STORE)

    closed = await is_back(sessions, Dependency.VECTOR_STORE)

    async with sessions() as session:
        soon = await session.scalars(
            select(Job.id).where(Job.run_after < func.now() + timedelta(seconds=5))
        )
        assert sorted(soon) == sorted(jobs[:2])
    assert closed == [Dependency.VECTOR_STORE]


async def test_an_answer_from_before_the_last_failure_proves_nothing(sessions: Sessions) -> None:
    await is_away(sessions, Dependency.OBJECT_STORE)

    async with sessions.begin() as session:
        closed = await BreakerRepository(session).close({Dependency.OBJECT_STORE: MINUTE})

    assert closed == []
    async with sessions() as session:
        assert len(await BreakerRepository(session).opened()) == 1


async def test_a_probe_that_failed_is_followed_by_another_later(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    jobs = await make_jobs(sessions, home, 2)
    await is_away(sessions, Dependency.EMBEDDER)
    await time_to_probe(sessions)
    await announcer.tick()
    [probe] = [job for job in jobs if (await job_of(sessions, job)).announced_at is not None]
    await waits_for(sessions, probe, Dependency.EMBEDDER)
    await is_away(sessions, Dependency.EMBEDDER)

    at_once = await announcer.tick()
    await time_to_probe(sessions)
    later = await announcer.tick()

    assert (at_once, later) == (0, 1)


async def test_a_paused_dataset_sends_no_probe(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    [waited] = await make_jobs(sessions, home, 1)
    await waits_for(sessions, waited, Dependency.EMBEDDER)
    await is_away(sessions, Dependency.EMBEDDER)
    await time_to_probe(sessions)
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=func.now()))

    assert await announcer.tick() == 0


async def test_a_breaker_that_nobody_runs_into_any_more_is_forgotten(
    sessions: Sessions, home: Home, announcer: Announcer
) -> None:
    await is_away(sessions, Dependency.EMBEDDER)
    await time_to_probe(sessions)
    await announcer.tick()
    async with sessions.begin() as session:
        recent = await BreakerRepository(session).opened()
        await session.execute(
            update(Breaker).values(last_failure_at=func.now() - FORGOTTEN_AFTER - MINUTE)
        )
    await time_to_probe(sessions)

    await announcer.tick()

    async with sessions() as session:
        assert await BreakerRepository(session).opened() == []
    assert [breaker.dependency for breaker in recent] == [Dependency.EMBEDDER]


async def test_a_breaker_says_since_when_however_often_it_is_run_into(sessions: Sessions) -> None:
    await is_away(sessions, Dependency.EMBEDDER)
    async with sessions() as session:
        [first] = await BreakerRepository(session).opened()

    await is_away(sessions, Dependency.EMBEDDER)

    async with sessions() as session:
        [again] = await BreakerRepository(session).opened()
    assert again.open_since == first.open_since
    assert again.last_failure_at > first.last_failure_at


async def test_a_wiped_redis_does_not_hide_a_probe(
    sessions: Sessions, home: Home, announcer: Announcer, redis_url: str
) -> None:
    await make_jobs(sessions, home, 1)
    await is_away(sessions, Dependency.EMBEDDER)
    await time_to_probe(sessions)
    await announcer.tick()
    async with Redis.from_url(redis_url) as redis:
        await redis.flushall()
        async with sessions.begin() as session:
            await session.execute(update(Job).values(announced_at=func.now() - MINUTE))
        await time_to_probe(sessions)

        await announcer.tick()

        queues = [f"{NAMESPACE}:{task.queue_name}" for task in ALL_TASKS]
        assert sum([int(await redis.llen(queue)) for queue in queues]) == 1
