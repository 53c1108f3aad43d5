"""Events get their numbers after their commit, so that a reader by cursor misses none."""

import asyncio
import random
from datetime import timedelta

import pytest
from sqlalchemy import func, update

from db.engine import Sessions
from db.errors import CursorExpired
from db.models import Event
from db.repositories.events import EventRepository, EventRow
from support.catalog import Home

WRITERS, EACH = 8, 25


def event(home: Home, kind: str) -> Event:
    return Event(tenant_id=home.tenant_id, dataset_id=home.dataset_id, kind=kind)


async def number(sessions: Sessions) -> int:
    async with sessions.begin() as session:
        return await EventRepository(session).number(1_000)


async def after(sessions: Sessions, cursor: int, limit: int = 1_000) -> list[EventRow]:
    async with sessions() as session:
        return await EventRepository(session).after(cursor, limit=limit)


async def test_an_event_that_commits_late_comes_behind_those_that_were_read_before_it(
    sessions: Sessions, home: Home
) -> None:
    async with sessions() as slow:
        slow.add(event(home, "slow.first"))
        await slow.flush()  # has the lower id from here on, and is not visible
        async with sessions.begin() as quick:
            quick.add(event(home, "quick.second"))
        await number(sessions)
        [seen] = await after(sessions, 0)
        await slow.commit()
    await number(sessions)

    late = await after(sessions, seen.number)

    assert (seen.kind, [row.kind for row in late]) == ("quick.second", ["slow.first"])


async def test_readers_by_cursor_get_every_event_once_while_many_commit_in_any_order(
    sessions: Sessions, home: Home
) -> None:
    dice = random.Random(13)
    written = asyncio.Event()

    async def write(writer: int) -> None:
        for turn in range(EACH):
            async with sessions() as session:
                session.add_all([event(home, f"w{writer}.{turn}.{part}") for part in range(2)])
                await session.flush()
                await asyncio.sleep(dice.random() / 100)
                await (session.commit() if turn % 5 else session.rollback())

    async def read() -> list[EventRow]:
        found: list[EventRow] = []
        while True:
            over = written.is_set()
            await number(sessions)
            rows = await after(sessions, found[-1].number if found else 0, limit=7)
            found += rows
            if over and not rows:
                return found

    readers = [asyncio.create_task(read()) for _ in range(2)]
    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    written.set()
    first, second = await asyncio.gather(*readers)

    expected = {
        f"w{writer}.{turn}.{part}"
        for writer in range(WRITERS)
        for turn in range(EACH)
        for part in range(2)
        if turn % 5
    }
    assert first == second
    assert len(first) == len(expected)
    assert {row.kind for row in first} == expected


async def test_a_cursor_is_refused_once_something_behind_it_was_forgotten(
    sessions: Sessions, home: Home
) -> None:
    async with sessions.begin() as session:
        session.add_all([event(home, f"old.{turn}") for turn in range(3)])
    await number(sessions)
    async with sessions.begin() as session:
        await session.execute(update(Event).values(created_at=func.now() - timedelta(days=40)))
        session.add(event(home, "new.one"))
    await number(sessions)
    last_old, new = [row.number for row in await after(sessions, 0)][-2:]

    async with sessions.begin() as session:
        forgotten = await EventRepository(session).forget(older_than=timedelta(days=30), limit=100)

    async with sessions() as session:
        events = EventRepository(session)
        await events.check(last_old)
        await events.check(new)
        for cursor in (last_old - 1, new + 1):
            with pytest.raises(CursorExpired):
                await events.check(cursor)
        assert (forgotten, await events.beginning()) == (3, last_old)


async def test_an_empty_table_still_knows_which_numbers_there_were(
    sessions: Sessions, home: Home
) -> None:
    async with sessions() as session:
        await EventRepository(session).check(0)
    async with sessions.begin() as session:
        session.add(event(home, "old.one"))
    await number(sessions)
    async with sessions.begin() as session:
        await session.execute(update(Event).values(created_at=func.now() - timedelta(days=40)))
        await EventRepository(session).forget(older_than=timedelta(days=30), limit=100)

    async with sessions() as session:
        events = EventRepository(session)
        await events.check(1)
        with pytest.raises(CursorExpired):
            await events.check(0)
