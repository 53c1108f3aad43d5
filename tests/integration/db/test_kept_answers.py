"""Keys of requests and their answers, from several processes at once, and what is forgotten."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from db.engine import Sessions
from db.models import IdempotentRequest
from db.repositories.idempotency import (
    Begun,
    IdempotencyRepository,
    KeptAnswer,
    KeyInUse,
    KeyReused,
    forget,
)
from support.catalog import Home

PATIENCE = timedelta(minutes=1)
LIFETIME = timedelta(days=1)
ANSWER = KeptAnswer(201, "application/json", b"{}")


async def begin(
    sessions: Sessions, home: Home, key: str = "key", request: bytes = b"hash"
) -> Begun | KeptAnswer:
    async with sessions.begin() as session:
        return await IdempotencyRepository(session, home.tenant_id).begin(
            key, request, patience=PATIENCE, lifetime=LIFETIME
        )


async def begun(sessions: Sessions, home: Home, key: str = "key") -> Begun:
    found = await begin(sessions, home, key)
    assert isinstance(found, Begun)
    return found


async def keep(sessions: Sessions, home: Home, holder: Begun) -> bool:
    async with sessions.begin() as session:
        return await IdempotencyRepository(session, home.tenant_id).keep(holder, ANSWER)


async def grow_older(sessions: Sessions, by: timedelta) -> None:
    async with sessions.begin() as session:
        await session.execute(
            update(IdempotentRequest).values(created_at=IdempotentRequest.created_at - by)
        )


async def test_of_many_who_ask_for_a_key_at_once_one_gets_it(
    sessions: Sessions, home: Home
) -> None:
    found = await asyncio.gather(
        *(begin(sessions, home) for _ in range(10)), return_exceptions=True
    )

    assert sum(isinstance(each, Begun) for each in found) == 1
    assert sum(isinstance(each, KeyInUse) for each in found) == 9


async def test_a_key_has_the_answer_of_its_request_alone(sessions: Sessions, home: Home) -> None:
    kept = await keep(sessions, home, await begun(sessions, home))

    assert kept
    assert await begin(sessions, home) == ANSWER
    with pytest.raises(KeyReused):
        await begin(sessions, home, request=b"other")


async def test_a_released_key_is_free_for_any_request(sessions: Sessions, home: Home) -> None:
    holder = await begun(sessions, home)
    async with sessions.begin() as session:
        await IdempotencyRepository(session, home.tenant_id).release(holder)

    assert isinstance(await begin(sessions, home, request=b"other"), Begun)


async def test_who_lost_its_key_to_another_neither_keeps_nor_releases_anything(
    sessions: Sessions, home: Home
) -> None:
    late = await begun(sessions, home)
    await grow_older(sessions, PATIENCE + timedelta(seconds=1))
    late = Begun(late.key, late.begun_at - PATIENCE - timedelta(seconds=1))
    holder = await begun(sessions, home)

    kept_late = await keep(sessions, home, late)
    async with sessions.begin() as session:
        await IdempotencyRepository(session, home.tenant_id).release(late)

    assert not kept_late
    with pytest.raises(KeyInUse):
        await begin(sessions, home)
    assert await keep(sessions, home, holder)


async def test_a_kept_answer_is_not_released(sessions: Sessions, home: Home) -> None:
    holder = await begun(sessions, home)
    await keep(sessions, home, holder)

    async with sessions.begin() as session:
        await IdempotencyRepository(session, home.tenant_id).release(holder)

    assert await begin(sessions, home) == ANSWER


async def test_what_is_old_is_forgotten_a_few_at_a_time(sessions: Sessions, home: Home) -> None:
    for number in range(3):
        await begun(sessions, home, f"old-{number}")
    await grow_older(sessions, LIFETIME + timedelta(seconds=1))
    await begun(sessions, home, "new")

    gone = []
    for _ in range(3):
        async with sessions.begin() as session:
            gone.append(await forget(session, older_than=LIFETIME, limit=2))

    assert gone == [2, 1, 0]
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(IdempotentRequest)) == 1
        assert await session.scalar(select(IdempotentRequest.key)) == "new"
