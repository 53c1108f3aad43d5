"""The announcer over a real Valkey: due jobs are rung for, once, and Redis stays small."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from dramatiq.brokers.redis import RedisBroker
from redis.asyncio import Redis
from sqlalchemy import func, select, update

from db.engine import Sessions
from db.models import Dataset, Job, Status
from db.repositories.claims import ClaimRepository
from db.repositories.commands import CommandRepository
from db.repositories.jobs import AttemptTally, JobRepository
from pipeline.broker import Doorbell, create_broker
from pipeline.queue import (
    PROCESS_DOCUMENT,
    PROCESS_LARGE_DOCUMENT,
    PROCESS_NEXT_DOCUMENT,
    Task,
)
from poller.announcer import LOST_AFTER, Announcer
from support.catalog import Home, apply, job_of, make_home

NAMESPACE = "test"
AGAIN = timedelta(minutes=1)
MINUTE = timedelta(minutes=1)
SOON_SECONDS = 5.0  # far more than it takes; only a failing test waits as long

MakeAnnouncer = Callable[..., Announcer]


@pytest.fixture
def broker(redis_url: str) -> Iterator[RedisBroker]:
    broker = create_broker(redis_url, namespace=NAMESPACE, middleware=[])
    yield broker
    broker.close()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def make_announcer(sessions: Sessions, broker: RedisBroker) -> MakeAnnouncer:
    def make(*, window: int = 24, lapses_max: int = 3) -> Announcer:
        return Announcer(
            sessions,
            Doorbell(broker),
            window=window,
            again=AGAIN,
            lapses_max=lapses_max,
            news=asyncio.Event(),
            hears=True,
        )

    return make


BOTH_LANES = (PROCESS_NEXT_DOCUMENT, PROCESS_DOCUMENT)


async def waiting(redis: Redis, *tasks: Task) -> int:
    """How many messages wait in these lanes; by default in those for ordinary files."""
    lengths = [
        int(await redis.llen(f"{NAMESPACE}:{task.queue_name}")) for task in tasks or BOTH_LANES
    ]
    return sum(lengths)


async def answer(redis: Redis, *tasks: Task) -> UUID:
    """Take the oldest message of the first lane that has one, as a worker does; its job."""
    message_id: object = None
    for task in tasks or BOTH_LANES:
        queue = f"{NAMESPACE}:{task.queue_name}"
        message_id = await redis.lpop(queue)
        if message_id is not None:
            break
    assert isinstance(message_id, bytes), "nobody rang"
    encoded = await redis.hget(f"{queue}.msgs", message_id)
    assert encoded is not None
    message = json.loads(encoded)
    assert (message["actor_name"], message["kwargs"]) == (task.actor_name, {})
    [job_id] = message["args"]
    return UUID(job_id)


async def make_jobs(sessions: Sessions, home: Home, count: int = 1) -> list[UUID]:
    made = await apply(sessions, *(home.change(f"{number:03}.txt") for number in range(count)))
    return [job for job in made.values() if job is not None]


async def announced_ago(sessions: Sessions, ago: timedelta) -> None:
    """As if whatever was announced had been announced so long ago."""
    async with sessions.begin() as session:
        await session.execute(
            update(Job).where(Job.announced_at.is_not(None)).values(announced_at=func.now() - ago)
        )


async def test_a_due_job_is_rung_for_once(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    [job_id] = await make_jobs(sessions, home)
    announcer = make_announcer()

    ticks = [await announcer.tick() for _ in range(3)]

    assert ticks == [1, 0, 0]
    assert await waiting(redis) == 1
    assert await answer(redis) == job_id


async def test_a_job_that_nobody_claims_is_rung_for_again_after_a_while(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    await make_jobs(sessions, home)
    announcer = make_announcer()
    await announcer.tick()

    await announced_ago(sessions, AGAIN - timedelta(seconds=10))
    too_early = await announcer.tick()
    await announced_ago(sessions, AGAIN + timedelta(seconds=1))
    in_time = await announcer.tick()

    assert (too_early, in_time) == (0, 1)


async def test_no_more_messages_wait_in_redis_than_the_window_has_room_for(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    await make_jobs(sessions, home, 10)
    announcer = make_announcer(window=3)

    first, second = await announcer.tick(), await announcer.tick()
    filled = await waiting(redis, PROCESS_DOCUMENT)
    await answer(redis, PROCESS_DOCUMENT)
    third = await announcer.tick()

    assert (first, second, third) == (4, 0, 1)  # one stands in the lane of the next
    assert (filled, await waiting(redis, PROCESS_DOCUMENT)) == (3, 3)


async def test_a_long_backlog_passes_through_a_small_window_once_and_whole(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    made = await make_jobs(sessions, home, 120)
    announcer = make_announcer(window=50)
    answered: list[UUID] = []

    while await announcer.tick():
        while await waiting(redis):
            answered.append(await answer(redis))

    assert sorted(answered) == sorted(made)


async def test_what_a_wiped_redis_forgot_is_rung_for_again_within_seconds(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    [job_id] = await make_jobs(sessions, home)
    announcer = make_announcer()
    await announcer.tick()

    await redis.flushall()
    at_once = await announcer.tick()
    await announced_ago(sessions, LOST_AFTER + timedelta(seconds=1))
    after_seconds = await announcer.tick()

    assert (at_once, after_seconds) == (0, 1)
    assert await answer(redis) == job_id


async def test_while_messages_wait_an_announced_job_is_taken_to_be_among_them(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    await make_jobs(sessions, home, 2)
    announcer = make_announcer()
    await announcer.tick()
    await announced_ago(sessions, LOST_AFTER + timedelta(seconds=1))

    assert await announcer.tick() == 0


async def test_a_pause_holds_jobs_back_until_it_ends(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    await make_jobs(sessions, home)
    announcer = make_announcer()
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=func.now()))

    paused = await announcer.tick()
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=None))
    resumed = await announcer.tick()

    assert (paused, resumed) == (0, 1)


async def test_a_pause_does_not_hold_back_a_removal_of_a_deleted_dataset(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    await make_jobs(sessions, home)
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=func.now(), deleted_at=func.now()))

    assert await make_announcer().tick() == 1


async def test_a_cancelled_job_is_not_rung_for(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    [job_id] = await make_jobs(sessions, home)
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(job_id)

    assert await make_announcer().tick() == 0


async def test_a_job_that_waits_is_rung_for_when_it_is_due(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    await make_jobs(sessions, home)
    async with sessions.begin() as session:
        await session.execute(update(Job).values(run_after=func.now() + MINUTE))
    announcer = make_announcer()

    waits = await announcer.tick()
    async with sessions.begin() as session:
        await session.execute(update(Job).values(run_after=func.now()))
    due = await announcer.tick()

    assert (waits, due) == (0, 1)


async def test_a_job_whose_worker_died_is_rung_for_again(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    [job_id] = await make_jobs(sessions, home)
    announcer = make_announcer()
    await announcer.tick()
    await answer(redis)
    async with sessions.begin() as session:
        await ClaimRepository(session).claim(job_id, worker="died", lease=timedelta(0))

    assert await announcer.tick() == 1

    assert await answer(redis) == job_id
    job = await job_of(sessions, job_id)
    assert (job.status, job.lapses) == (Status.QUEUED, 1)


async def test_a_job_whose_worker_died_goes_before_the_backlog_behind_it(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    [job_id] = await make_jobs(sessions, home)
    await apply(sessions, *(home.change(f"later-{number}.txt") for number in range(3)))
    async with sessions.begin() as session:
        await ClaimRepository(session).claim(job_id, worker="died", lease=timedelta(0))

    await make_announcer(window=1).tick()

    assert await answer(redis) == job_id


async def test_a_job_that_lapses_every_time_is_rung_for_no_more(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer
) -> None:
    [job_id] = await make_jobs(sessions, home)
    async with sessions.begin() as session:
        await ClaimRepository(session).claim(job_id, worker="died", lease=timedelta(0))

    assert await make_announcer(lapses_max=1).tick() == 0

    assert (await job_of(sessions, job_id)).error_code == "attempts_exhausted"


async def test_a_job_that_was_given_back_is_rung_for_at_once(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    [job_id] = await make_jobs(sessions, home)
    announcer = make_announcer()
    await announcer.tick()
    await answer(redis)
    async with sessions.begin() as session:
        claim = await ClaimRepository(session).claim(job_id, worker="w1", lease=MINUTE)
    assert claim is not None

    at_work = await announcer.tick()
    async with sessions.begin() as session:
        await JobRepository(session).release(claim, AttemptTally())
    given_back = await announcer.tick()

    assert (at_work, given_back) == (0, 1)


async def test_a_large_file_goes_to_a_queue_and_a_window_of_its_own(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    jobs = await make_jobs(sessions, home, 6)
    async with sessions.begin() as session:
        await session.execute(update(Job).where(Job.id == jobs[-1]).values(large=True))
    announcer = make_announcer(window=2)

    await announcer.tick()

    assert await waiting(redis, PROCESS_DOCUMENT) == 2
    assert await waiting(redis, PROCESS_LARGE_DOCUMENT) == 1
    assert await answer(redis, PROCESS_LARGE_DOCUMENT) == jobs[-1]


@pytest.mark.parametrize("same_tenant", [True, False])
async def test_one_file_does_not_wait_behind_the_many_of_another_dataset(
    sessions: Sessions,
    home: Home,
    make_announcer: MakeAnnouncer,
    redis: Redis,
    same_tenant: bool,
) -> None:
    """Field: one big tenant starves the rest."""
    await make_jobs(sessions, home, 60)
    announcer = make_announcer(window=4)
    while await announcer.tick():
        pass
    await answer(redis, PROCESS_NEXT_DOCUMENT)
    other = await make_home(sessions, tenant_id=home.tenant_id if same_tenant else None)
    [lone] = await make_jobs(sessions, other)

    await announcer.tick()

    assert await answer(redis, PROCESS_NEXT_DOCUMENT) == lone


async def test_a_dataset_has_one_job_at_a_time_in_the_lane_of_the_next(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    await make_jobs(sessions, home, 5)
    announcer = make_announcer()

    await announcer.tick()
    await announcer.tick()

    assert await waiting(redis, PROCESS_NEXT_DOCUMENT) == 1
    assert await waiting(redis, PROCESS_DOCUMENT) == 4


async def test_two_announcers_that_look_at_once_ring_once_for_each_job(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    await make_jobs(sessions, home, 10)
    announcers = [make_announcer() for _ in range(4)]

    await asyncio.gather(*(announcer.tick() for announcer in announcers))

    assert await waiting(redis) == 10


async def test_the_mark_is_committed_before_the_bell_rings(
    sessions: Sessions, home: Home, make_announcer: MakeAnnouncer, redis: Redis
) -> None:
    """A worker that answers at once must find the row as it is, not locked by the announcer."""
    [job_id] = await make_jobs(sessions, home)
    ticking = asyncio.create_task(make_announcer().tick())
    async with asyncio.timeout(SOON_SECONDS):
        while not await waiting(redis):  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0)

    async with sessions() as session:
        marked = await session.scalar(
            select(Job.announced_at).where(Job.id == job_id).with_for_update(nowait=True)
        )

    assert marked is not None
    await ticking
