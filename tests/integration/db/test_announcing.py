"""Which jobs the announcer sees, and which one poller may announce."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, update

from db.engine import Sessions
from db.models import Dataset, Job
from db.repositories.announcing import AnnouncingRepository, Due
from db.repositories.commands import CommandRepository
from pipeline.queue import LARGE_BYTES
from support.catalog import Home, apply, document_of, make_home

AGAIN = timedelta(minutes=1)


async def due(sessions: Sessions, *, limit: int = 50, large: bool = False) -> list[Due]:
    async with sessions.begin() as session:
        return await AnnouncingRepository(session).due(
            large=large, announced_before=AGAIN, limit=limit
        )


async def test_a_job_that_was_announced_lately_is_left_alone(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    [first, second] = await due(sessions)
    async with sessions.begin() as session:
        await AnnouncingRepository(session).mark([first.job_id])

    assert [job.job_id for job in await due(sessions)] == [second.job_id]


async def test_a_job_that_nobody_claimed_is_announced_again_after_a_while(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change())
    async with sessions.begin() as session:
        await session.execute(update(Job).values(announced_at=func.now() - 2 * AGAIN))

    assert len(await due(sessions)) == 1


async def test_a_paused_dataset_is_not_announced(sessions: Sessions, home: Home) -> None:
    await apply(sessions, home.change())
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=func.now()))

    assert await due(sessions) == []


async def test_a_removal_is_not_held_back_by_a_pause(sessions: Sessions, home: Home) -> None:
    await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    document = await document_of(sessions, home, "b.txt")
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=func.now()))
        removal = await CommandRepository(session, home.tenant_id).delete_document(
            home.dataset_id, document.id
        )

    assert [job.job_id for job in await due(sessions)] == [removal]


async def test_a_long_backlog_shows_only_its_head(sessions: Sessions, home: Home) -> None:
    await apply(sessions, *(home.change(f"{number}.txt") for number in range(30)))

    assert len(await due(sessions, limit=5)) == 5


async def test_only_one_poller_leads_at_a_time(sessions: Sessions) -> None:
    async with sessions.begin() as first, sessions.begin() as second:
        assert await AnnouncingRepository(first).lead()
        assert not await AnnouncingRepository(second).lead()


async def test_a_tenant_with_many_datasets_does_not_hide_one_with_a_single_job(
    sessions: Sessions, home: Home
) -> None:
    async with sessions.begin() as session:
        others = [
            Dataset(tenant_id=home.tenant_id, name=str(number), live_space="space_test")
            for number in range(10)
        ]
        session.add_all(others)
        await session.flush()
        homes = [Home(home.tenant_id, dataset.id) for dataset in others]
    for each in homes:
        await apply(sessions, *(each.change(f"{number}.txt") for number in range(5)))
    lone = await make_home(sessions)
    await apply(sessions, lone.change())

    found = await due(sessions, limit=3)

    assert sum(job.tenant_id == home.tenant_id for job in found) == 3
    assert sum(job.tenant_id == lone.tenant_id for job in found) == 1


async def test_large_files_do_not_hide_the_small_ones_behind_them(
    sessions: Sessions, home: Home
) -> None:
    big = [replace(home.change(f"big-{number}.csv"), size=LARGE_BYTES) for number in range(5)]
    await apply(sessions, *big)
    await apply(sessions, home.change("small.txt"))

    [small] = await due(sessions, limit=3)

    assert not small.large
    assert len(await due(sessions, limit=10, large=True)) == 5
