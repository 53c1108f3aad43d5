"""Many pass the gate together, one alone, and nobody who fails leaves it shut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from pipeline import gate as gate_module
from pipeline.gate import Gate

# Passes of the loop after which a task has got as far as it gets without being let on.
TURNS = 10
SHORT_SECONDS = 0.05
SOON_SECONDS = 5.0  # far more than any of these takes; only a failing test waits as long


class Visitor:
    """Goes through a gate in a task of its own, and stays inside until told to leave."""

    def __init__(self, way: AbstractAsyncContextManager[None]) -> None:
        self.inside = False
        self.came_in = asyncio.Event()
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(way))

    async def _visit(self, way: AbstractAsyncContextManager[None]) -> None:
        async with way:
            self.inside = True
            self.came_in.set()
            try:
                await self._leave.wait()
            finally:
                self.inside = False

    async def leave(self) -> None:
        self._leave.set()
        await self.task

    async def leave_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.leave()

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


async def settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@asynccontextmanager
async def visiting(way: AbstractAsyncContextManager[None]) -> AsyncIterator[Visitor]:
    """A visitor who has had the time to get in, if the gate lets it."""
    visitor = Visitor(way)
    await settle()
    try:
        yield visitor
    finally:
        await visitor.cancel()


async def test_many_are_inside_together() -> None:
    gate = Gate()

    async with visiting(gate.shared()) as first, visiting(gate.shared()) as second:
        assert (first.inside, second.inside) == (True, True)


async def test_one_alone_waits_until_everybody_inside_has_left() -> None:
    gate = Gate()
    async with (
        visiting(gate.shared()) as first,
        visiting(gate.shared()) as second,
        visiting(gate.alone()) as loner,
    ):
        before = loner.inside
        await first.leave()
        await settle()
        between = loner.inside
        await second.leave()
        await settle()

        assert (before, between, loner.inside) == (False, False, True)


async def test_who_waits_to_be_alone_holds_back_later_arrivals() -> None:
    gate = Gate()
    async with (
        visiting(gate.shared()) as first,
        visiting(gate.alone()) as loner,
        visiting(gate.shared()) as late,
    ):
        while_waiting = late.inside
        await first.leave()
        await settle()
        while_alone = (loner.inside, late.inside)
        await loner.leave()
        await settle()

        assert not while_waiting
        assert while_alone == (True, False)
        assert late.inside


async def test_two_loners_are_never_inside_together() -> None:
    gate = Gate()
    async with visiting(gate.alone()) as first, visiting(gate.alone()) as second:
        together = first.inside and second.inside
        await first.leave()
        await settle()

        assert not together
        assert second.inside


async def test_one_alone_keeps_the_others_out_only_for_a_while() -> None:
    gate = Gate()
    async with visiting(gate.alone(SHORT_SECONDS)) as loner, visiting(gate.shared()) as late:
        at_first = late.inside
        async with asyncio.timeout(SOON_SECONDS):
            await late.came_in.wait()

        assert not at_first
        assert (loner.inside, late.inside) == (True, True)


async def test_who_was_alone_and_leaves_late_leaves_the_gate_as_it_should_be() -> None:
    gate = Gate()
    async with visiting(gate.alone(SHORT_SECONDS)) as first, visiting(gate.alone()) as second:
        async with asyncio.timeout(SOON_SECONDS):
            await first.leave_after(SHORT_SECONDS * 3)  # long after the gate opened by itself
            await second.came_in.wait()
        async with visiting(gate.shared()) as third:
            beside_the_second = third.inside

            await second.leave()
            await settle()

            assert not beside_the_second
            assert third.inside


@pytest.mark.parametrize("alone", [False, True])
async def test_an_error_inside_leaves_the_gate_open(alone: bool) -> None:
    gate = Gate()

    with pytest.raises(RuntimeError, match="broken"):
        async with gate.alone() if alone else gate.shared():
            raise RuntimeError("broken")

    async with visiting(gate.alone()) as loner:
        assert loner.inside


@pytest.mark.parametrize("alone", [False, True])
async def test_a_cancellation_inside_leaves_the_gate_open(alone: bool) -> None:
    gate = Gate()
    async with visiting(gate.alone() if alone else gate.shared()) as cancelled:
        assert cancelled.inside

        await cancelled.cancel()

        async with visiting(gate.alone()) as loner:
            assert loner.inside


async def test_a_loner_cancelled_while_it_waits_lets_the_others_in() -> None:
    gate = Gate()
    async with (
        visiting(gate.shared()) as first,
        visiting(gate.alone()) as loner,
        visiting(gate.shared()) as late,
    ):
        await loner.cancel()
        await settle()

        assert (first.inside, late.inside) == (True, True)


async def test_somebody_cancelled_in_the_queue_does_not_hold_up_who_is_behind() -> None:
    gate = Gate()
    async with (
        visiting(gate.alone()) as first,
        visiting(gate.alone()) as cancelled,
        visiting(gate.shared()) as last,
    ):
        await cancelled.cancel()
        await first.leave()
        await settle()

        assert last.inside


async def test_who_waits_too_long_to_be_alone_goes_in_beside_the_others() -> None:
    gate = Gate()
    async with (
        visiting(gate.shared()) as long,
        visiting(gate.alone(patience=SHORT_SECONDS)) as lapsed,
        asyncio.timeout(SOON_SECONDS),
    ):
        held_back = not lapsed.inside
        await lapsed.came_in.wait()
        async with visiting(gate.shared()) as later:
            await later.came_in.wait()

            assert held_back
            assert long.inside
            assert lapsed.inside


async def test_who_lapsed_for_the_first_time_waits_less_for_the_others_than_who_lapsed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_module, "PATIENCE_AT_FIRST_SECONDS", SHORT_SECONDS)
    first, again = Gate(), Gate()
    neighbours = [Visitor(first.way_of(0)), Visitor(again.way_of(0))]
    await settle()

    once, twice = Visitor(first.way_of(1)), Visitor(again.way_of(2))
    async with asyncio.timeout(SOON_SECONDS):
        await once.came_in.wait()

    assert not twice.inside  # its neighbour is still there, and its patience is longer
    for visitor in (*neighbours, once, twice):
        await visitor.leave()
