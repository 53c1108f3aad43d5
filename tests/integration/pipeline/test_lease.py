"""Leases are renewed as long as the attempt runs and Postgres answers, and lost out loud."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from db.engine import Sessions
from db.models import Job
from db.repositories.claims import Claim, ClaimRepository
from db.repositories.commands import CommandRepository
from integration.pipeline.conftest import KEEPER, Outage
from pipeline.errors import LeaseLost
from pipeline.lease import LEASE, Lease, LeaseKeeper
from support.catalog import Home, apply, job_of

SOON_SECONDS = 5.0  # far more than any of these takes; only a failing test waits as long
POLL_SECONDS = 0.02


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while not await question():  # noqa: ASYNC110 - the keeper's thread writes to Postgres
            await asyncio.sleep(POLL_SECONDS)


async def claimed(sessions: Sessions, job_id: UUID, *, lease: timedelta = LEASE) -> Claim:
    async with sessions.begin() as session:
        claim = await ClaimRepository(session).claim(job_id, worker="w1", lease=lease)
    assert claim is not None
    return claim


async def lease_until(sessions: Sessions, job_id: UUID) -> datetime:
    until = (await job_of(sessions, job_id)).lease_until
    assert until is not None
    return until


async def renewed(sessions: Sessions, job_id: UUID, times: int = 1) -> None:
    """Returns when the job's lease was renewed that often from now on."""
    for _ in range(times):
        before = await lease_until(sessions, job_id)

        async def later(before: datetime = before) -> bool:
            return await lease_until(sessions, job_id) > before

        await until(later)


async def cancel(sessions: Sessions, home: Home, job_id: UUID) -> None:
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(job_id)


async def backends_of(sessions: Sessions, application: str) -> list[int]:
    """The server's processes behind the connections of an application."""
    async with sessions() as session:
        pids = await session.scalars(
            text(
                "select pid from pg_stat_activity"
                " where application_name = :application and datname = current_database()"
            ),
            {"application": application},
        )
        return list(pids)


async def cut_connections(sessions: Sessions, application: str) -> int:
    """Cut them at the server's end; returns how many there were."""
    pids = await backends_of(sessions, application)
    async with sessions() as session:
        await session.execute(
            text("select pg_terminate_backend(pid) from unnest(cast(:pids as int[])) as pid"),
            {"pids": pids},
        )
    return len(pids)


@pytest.mark.usefixtures("quick_leases")
async def test_the_lease_of_a_held_job_is_renewed_in_the_row_and_for_the_attempt(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper
) -> None:
    claim = await claimed(sessions, job_id)
    lease = keeper.hold(claim, claimed_at=time.monotonic())
    first_deadline = lease.deadline

    await renewed(sessions, job_id, times=3)

    assert lease.deadline > first_deadline
    assert not lease.lost.is_set()
    lease.check()


@pytest.mark.usefixtures("quick_leases")
async def test_a_deadline_counts_from_before_the_renewal_was_sent(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper
) -> None:
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())
    await renewed(sessions, job_id, times=2)
    keeper.let_go(lease)

    async with sessions() as session:
        left_in_the_row = await session.scalar(
            select(func.extract("epoch", Job.lease_until - func.clock_timestamp())).where(
                Job.id == job_id
            )
        )
        left_to_the_attempt = lease.deadline - time.monotonic()

    assert left_in_the_row is not None
    assert left_to_the_attempt <= float(left_in_the_row)


@pytest.mark.usefixtures("quick_leases")
async def test_jobs_of_a_loop_that_is_stuck_are_left_to_others(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.lease.STUCK_SECONDS", 0.2)
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())
    await renewed(sessions, job_id)

    before = lease.deadline
    time.sleep(1.5)  # noqa: ASYNC251  # that is the fault
    after = lease.deadline  # at once: the loop has not turned yet

    assert after - before < 0.8
    await renewed(sessions, job_id)  # it turns again, and nobody else has come


async def test_a_cancelled_job_is_lost_to_its_attempt_within_about_a_second(
    sessions: Sessions, home: Home, job_id: UUID, keeper: LeaseKeeper
) -> None:
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())
    await cancel(sessions, home, job_id)
    cancelled_at = time.monotonic()

    async with asyncio.timeout(SOON_SECONDS):
        await lease.lost.wait()

    assert time.monotonic() - cancelled_at < 2.0  # one look, and a busy machine
    with pytest.raises(LeaseLost):
        lease.check()


@pytest.mark.usefixtures("quick_leases")
async def test_one_attempt_that_is_cancelled_costs_its_neighbours_nothing(
    sessions: Sessions, home: Home, keeper: LeaseKeeper
) -> None:
    made = await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    first, second = [await claimed(sessions, job) for job in made.values() if job is not None]
    lost = keeper.hold(first, claimed_at=time.monotonic())
    kept = keeper.hold(second, claimed_at=time.monotonic())

    await cancel(sessions, home, first.job_id)
    async with asyncio.timeout(SOON_SECONDS):
        await lost.lost.wait()
    await renewed(sessions, second.job_id)

    assert not kept.lost.is_set()


@pytest.mark.usefixtures("quick_leases")
async def test_a_job_claimed_by_somebody_else_is_lost_to_the_first(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper
) -> None:
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())

    async with sessions.begin() as session:
        await session.execute(update(Job).values(fence=Job.fence + 1))

    async with asyncio.timeout(SOON_SECONDS):
        await lease.lost.wait()


async def test_a_lease_whose_deadline_passed_is_not_trusted(
    sessions: Sessions, job_id: UUID
) -> None:
    claim = await claimed(sessions, job_id)
    running, over = Lease(claim, time.monotonic() + 60), Lease(claim, time.monotonic())

    running.check()

    with pytest.raises(LeaseLost):
        over.check()


@pytest.mark.usefixtures("quick_leases")
async def test_the_keeper_goes_on_after_its_connections_were_cut(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper
) -> None:
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())
    await renewed(sessions, job_id)

    for _ in range(3):
        assert await cut_connections(sessions, KEEPER) > 0
        await renewed(sessions, job_id, times=2)

    assert not lease.lost.is_set()


@pytest.mark.usefixtures("quick_leases")
async def test_the_keeper_goes_on_after_the_database_let_nobody_in_for_a_while(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper, outage: Outage
) -> None:
    lease = keeper.hold(await claimed(sessions, job_id), claimed_at=time.monotonic())
    await renewed(sessions, job_id)

    async with outage():
        await asyncio.sleep(0.5)  # the outage itself: some ten looks

    await renewed(sessions, job_id, times=2)
    assert not lease.lost.is_set()


@pytest.mark.usefixtures("quick_leases")
async def test_an_attempt_learns_that_its_lease_ran_out_while_postgres_hung(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = timedelta(seconds=1.5)
    monkeypatch.setattr("pipeline.lease.LEASE", short)
    claim = await claimed(sessions, job_id, lease=short)
    lease = keeper.hold(claim, claimed_at=time.monotonic())
    await renewed(sessions, job_id)
    [backend] = await backends_of(sessions, KEEPER)

    os.kill(backend, signal.SIGSTOP)
    hung_at = time.monotonic()
    try:
        async with asyncio.timeout(SOON_SECONDS):
            await lease.lost.wait()
        learnt_after = time.monotonic() - hung_at
    finally:
        os.kill(backend, signal.SIGCONT)

    assert learnt_after < 3.0  # the lease, and one look that had to time out


@pytest.mark.usefixtures("quick_leases")
async def test_a_lease_that_was_let_go_is_not_renewed_any_more(
    sessions: Sessions, home: Home, keeper: LeaseKeeper
) -> None:
    made = await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    first, second = [await claimed(sessions, job) for job in made.values() if job is not None]
    done = keeper.hold(first, claimed_at=time.monotonic())
    keeper.hold(second, claimed_at=time.monotonic())

    keeper.let_go(done)
    await renewed(sessions, second.job_id)  # a renewal that had begun before is over
    before = await lease_until(sessions, first.job_id)
    await renewed(sessions, second.job_id, times=3)

    assert await lease_until(sessions, first.job_id) == before


@pytest.mark.usefixtures("quick_leases")
async def test_letting_go_of_an_old_lease_leaves_a_newer_one_of_the_same_job_alone(
    sessions: Sessions, job_id: UUID, keeper: LeaseKeeper
) -> None:
    claim = await claimed(sessions, job_id)
    old = keeper.hold(claim, claimed_at=time.monotonic())
    keeper.hold(claim, claimed_at=time.monotonic())

    keeper.let_go(old)

    await renewed(sessions, job_id, times=2)
