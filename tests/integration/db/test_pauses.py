"""A tenant's pause and its end, as the announcer and the workers see them."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from db.engine import Sessions
from db.repositories.bell import JOBS_CHANNEL
from db.repositories.claims import ClaimRepository
from db.repositories.commands import CommandRepository
from db.repositories.documents import DocumentRepository
from db.repositories.tenants import TenantRepository
from support.attempts import LEASE, claim
from support.catalog import Home, apply, document_of, job_of

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
            claims.append(await ClaimRepository(session).claim(job, worker="test", lease=LEASE))

    assert claims[0] is None
    assert claims[1] is not None


async def removal_of(sessions: Sessions, home: Home) -> UUID:
    await apply(sessions, home.change())
    document = await document_of(sessions, home)
    async with sessions.begin() as session:
        return await CommandRepository(session, home.tenant_id).delete_document(
            home.dataset_id, document.id
        )


@pytest.mark.parametrize("seen_by", ["the attempt", "an event"])
async def test_the_removal_of_what_was_uploaded_anew_is_held_back_like_any_indexing(
    sessions: Sessions, home: Home, seen_by: str
) -> None:
    job_id = await removal_of(sessions, home)
    claimed = await claim(sessions, job_id)
    delay = timedelta(seconds=30)

    async with sessions.begin() as session:
        documents = DocumentRepository(session)
        if seen_by == "the attempt":
            await documents.void_tombstone(claimed, purge_delay=delay)
        else:
            await documents.remove(claimed, asked=True, purge_delay=delay)
    if seen_by == "an event":
        await apply(sessions, home.change(etag="e2", minute=1))
    await pause(sessions, home, paused=True)

    async with sessions() as session:
        assert await ClaimRepository(session).paused([job_id]) == {job_id}
    assert (await job_of(sessions, job_id)).priority == 0
