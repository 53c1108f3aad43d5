"""Which jobs the announcer sees, and which one poller may announce."""

from datetime import timedelta

from sqlalchemy import func, update

from db.engine import Sessions
from db.models import Dataset, Job
from db.repositories.announcing import AnnouncingRepository, Due
from support.catalog import Home, apply

AGAIN = timedelta(minutes=1)


async def due(sessions: Sessions, *, per_dataset: int = 50) -> list[Due]:
    async with sessions.begin() as session:
        return await AnnouncingRepository(session).due(
            announced_before=AGAIN, per_dataset=per_dataset, limit=100
        )


async def test_a_job_that_was_announced_lately_is_left_alone(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    [first, second] = await due(sessions)
    async with sessions.begin() as session:
        await AnnouncingRepository(session).mark([first.job_id])

    assert await due(sessions) == [second]


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


async def test_a_long_backlog_shows_only_its_head(sessions: Sessions, home: Home) -> None:
    await apply(sessions, *(home.change(f"{number}.txt") for number in range(30)))

    assert len(await due(sessions, per_dataset=5)) == 5


async def test_only_one_poller_leads_at_a_time(sessions: Sessions) -> None:
    async with sessions.begin() as first, sessions.begin() as second:
        assert await AnnouncingRepository(first).lead()
        assert not await AnnouncingRepository(second).lead()
