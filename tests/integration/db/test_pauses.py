"""A tenant's pause and its end, as the announcer and the workers see them."""

import asyncio

import asyncpg

from db.engine import Sessions
from db.repositories.bell import JOBS_CHANNEL
from db.repositories.jobs import JobRepository
from db.repositories.tenants import TenantRepository
from support.attempts import LEASE
from support.catalog import Home, apply

RINGS_WITHIN_SECONDS = 10


async def pause(sessions: Sessions, home: Home, *, paused: bool) -> None:
    async with sessions.begin() as session:
        await TenantRepository(session).pause(home.tenant_id, paused=paused)


async def test_the_end_of_a_pause_rings(sessions: Sessions, home: Home, database_url: str) -> None:
    await pause(sessions, home, paused=True)
    rung = asyncio.Event()
    listener = await asyncpg.connect(database_url)
    try:
        await listener.add_listener(JOBS_CHANNEL, lambda *_: rung.set())

        await pause(sessions, home, paused=False)

        await asyncio.wait_for(rung.wait(), RINGS_WITHIN_SECONDS)
    finally:
        await listener.close()


async def test_nothing_of_a_paused_tenant_is_claimed(sessions: Sessions, home: Home) -> None:
    [job] = (await apply(sessions, home.change())).values()
    assert job is not None
    claims = []

    for paused in (True, False):
        await pause(sessions, home, paused=paused)
        async with sessions.begin() as session:
            claims.append(await JobRepository(session).claim(job, worker="test", lease=LEASE))

    assert claims[0] is None
    assert claims[1] is not None
