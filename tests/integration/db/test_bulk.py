"""Orders to many jobs beside workers that claim, fail and finish them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text, update

from db.engine import Sessions
from db.errors import FenceRaised
from db.fingerprints import error_fingerprint
from db.models import Job, Status
from db.repositories.announcing import AnnouncingRepository
from db.repositories.bulk import BulkRepository, Pace
from db.repositories.claims import ClaimRepository
from db.repositories.documents import DocumentRepository
from db.repositories.failures import FailureRepository
from db.repositories.job_history import JobFilter
from db.repositories.jobs import AttemptTally, JobRepository
from support.attempts import claim, fail
from support.catalog import Home, apply, job_of, jobs_of

EVERYTHING = JobFilter()


async def queue(sessions: Sessions, home: Home, count: int) -> list[UUID]:
    jobs = await apply(sessions, *(home.change(f"{number:03}.txt") for number in range(count)))
    return [job for job in jobs.values() if job is not None]


async def test_cancels_and_workers_that_meet_leave_every_job_in_one_state(
    sessions: Sessions, home: Home
) -> None:
    jobs = await queue(sessions, home, 60)
    claims = [await claim(sessions, job) for job in jobs[:30]]

    async def finish(number: int) -> str:
        held = claims[number]
        try:
            async with sessions.begin() as session:
                await DocumentRepository(session).hold(held)
                await JobRepository(session).fail(
                    held, AttemptTally(stage="parse"), code="c", message="m", etag=None
                )
        except FenceRaised:
            return "cancelled"
        return "failed"

    async def cancel() -> int:
        done, after, more = 0, None, True
        while more:
            async with sessions.begin() as session:
                batch = await BulkRepository(session, home.tenant_id).cancel(
                    EVERYTHING, after=after, limit=7
                )
            done, after, more = done + batch.done, batch.last_id, batch.last_id is not None
        return done

    cancels = asyncio.gather(cancel(), cancel())
    ends = await asyncio.gather(*(finish(number) for number in range(30)))
    cancelled = sum(await cancels)

    states = {job.id: job.status for job in await jobs_of(sessions, home)}
    assert [states[held.job_id] for held in claims] == ends
    assert cancelled == list(states.values()).count("cancelled")
    assert all(states[job] == "cancelled" for job in jobs[30:])


async def test_a_cancel_of_what_waits_leaves_what_was_begun_meanwhile(
    sessions: Sessions, home: Home
) -> None:
    [job] = await queue(sessions, home, 1)
    async with sessions.begin() as worker:
        held = await ClaimRepository(worker).claim(job, lease=timedelta(seconds=30), worker="w")
        assert held is not None
        cancelling = asyncio.create_task(cancel_queued(sessions, home))
        await until_blocked(sessions)

    assert await cancelling == 0
    [found] = await jobs_of(sessions, home)
    assert found.status == "processing"


async def cancel_queued(sessions: Sessions, home: Home) -> int:
    async with sessions.begin() as session:
        batch = await BulkRepository(session, home.tenant_id).cancel(
            JobFilter(status=Status.QUEUED), after=None, limit=10
        )
    return batch.done


async def until_blocked(sessions: Sessions) -> None:
    """Until somebody waits for a lock."""
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock'"
    )
    async with asyncio.timeout(20):
        while True:
            async with sessions() as session:
                if await session.scalar(waiting):
                    return
            await asyncio.sleep(0.02)


async def test_two_retries_at_once_queue_every_job_once(sessions: Sessions, home: Home) -> None:
    for job in await queue(sessions, home, 20):
        await fail(sessions, job, code="c", message="m")

    async def retry() -> int:
        async with sessions.begin() as session:
            bulk = BulkRepository(session, home.tenant_id)
            wanted = JobFilter(status=None)
            pace = Pace(await bulk.now())
            return (await bulk.retry(wanted, before=None, limit=100, pace=pace, number=0)).done

    done = await asyncio.gather(retry(), retry(), retry())

    assert sum(done) == 20
    assert {job.status for job in await jobs_of(sessions, home)} == {"queued"}


async def test_a_batch_says_where_the_next_goes_on(sessions: Sessions, home: Home) -> None:
    jobs = sorted(await queue(sessions, home, 3))

    async with sessions.begin() as session:
        first = await BulkRepository(session, home.tenant_id).cancel(
            EVERYTHING, after=None, limit=2
        )
    async with sessions.begin() as session:
        last = await BulkRepository(session, home.tenant_id).cancel(
            EVERYTHING, after=first.last_id, limit=2
        )

    assert (first.done, first.last_id) == (2, jobs[1])
    assert (last.done, last.last_id) == (1, None)


async def test_a_job_that_kills_its_workers_is_a_failure_of_a_kind(
    sessions: Sessions, home: Home
) -> None:
    [job] = await queue(sessions, home, 1)
    await claim(sessions, job)
    async with sessions.begin() as session:
        await session.execute(update(Job).values(lease_until=Job.created_at - timedelta(days=1)))

    async with sessions.begin() as session:
        await AnnouncingRepository(session).reap(lapses_max=1, limit=10)

    found = await job_of(sessions, job)
    async with sessions() as session:
        [group] = await FailureRepository(session, home.tenant_id).groups(dataset_id=None, limit=9)
    assert (group.error_code, group.job_id) == ("attempts_exhausted", job)
    assert group.fingerprint == error_fingerprint("attempts_exhausted", None, found.error or "")


async def test_what_failed_before_there_were_fingerprints_is_listed_by_its_code(
    sessions: Sessions, home: Home
) -> None:
    for job in await queue(sessions, home, 2):
        await fail(sessions, job, code="c", message="m")
    async with sessions.begin() as session:
        await session.execute(update(Job).values(error_fingerprint=None))

    async with sessions() as session:
        [group] = await FailureRepository(session, home.tenant_id).groups(dataset_id=None, limit=9)

    assert (group.fingerprint, group.error_code, group.jobs) == (None, "c", 2)


@pytest.mark.parametrize(("number", "seconds"), [(0, 0), (1, 0.5), (120, 60), (1_000_000, 500_000)])
def test_a_pace_counts_through_all_batches(number: int, seconds: float) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)

    assert Pace(begin, 120).due(number) - begin == timedelta(seconds=seconds)
    assert Pace(begin).due(number) == begin
