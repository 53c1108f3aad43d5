"""Lone files go first, but hold nobody up for long."""

import asyncio

import pytest

from pipeline import precedence
from pipeline.precedence import Precedence


async def test_a_neighbour_waits_at_its_next_step_while_somebody_goes_first() -> None:
    queue = Precedence()
    passed = asyncio.Event()

    async def neighbour() -> None:
        await queue.let_pass()
        passed.set()

    with queue.first():
        waiting = asyncio.create_task(neighbour())
        await asyncio.sleep(0)
        held = not passed.is_set()
    await waiting

    assert held
    assert passed.is_set()


async def test_who_goes_first_without_end_holds_up_no_step_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precedence, "LET_PASS_SECONDS", 0.01)
    queue = Precedence()

    with queue.first():
        async with asyncio.timeout(5):
            await queue.let_pass()


async def test_a_long_file_goes_first_for_its_first_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(precedence, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(precedence, "LET_PASS_SECONDS", 60)
    queue = Precedence()

    with queue.first():
        async with asyncio.timeout(5):
            await queue.let_pass()


async def test_the_last_of_several_that_go_first_lets_the_others_on() -> None:
    queue = Precedence()

    with queue.first():
        with queue.first():
            pass
        waiting = asyncio.create_task(queue.let_pass())
        await asyncio.sleep(0)
        held = not waiting.done()
    await waiting

    assert held
