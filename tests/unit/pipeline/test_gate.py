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


async def test_who_lapsed_once_goes_in_company_and_after_all_others_have_left() -> None:
    gate = Gate()
    neighbour = Visitor(gate.way_of(0))
    await settle()
    lapsed = [Visitor(gate.way_of(1)) for _ in range(3)]
    await settle()
    while_the_neighbour_is_there = [visitor.inside for visitor in lapsed]
    await neighbour.leave()
    late = Visitor(gate.way_of(0))
    await settle()

    assert while_the_neighbour_is_there == [False] * 3
    assert [visitor.inside for visitor in lapsed] == [True] * 3
    assert not late.inside
    for visitor in (*lapsed, late):
        await visitor.leave()


async def test_companies_are_small_and_follow_each_other_without_others_between() -> None:
    gate = Gate()
    first, second = (
        [Visitor(gate.way_of(1)) for _ in range(size)] for size in (gate_module.COMPANY, 5)
    )
    await settle()
    late = Visitor(gate.way_of(0))
    await settle()
    at_first = [any(visitor.inside for visitor in each) for each in (first, second, [late])]
    await second[0].cancel()
    for visitor in first:
        await visitor.leave()
    await settle()

    assert at_first == [True, False, False]
    assert [visitor.inside for visitor in second] == [False, True, True, True, True]
    assert not late.inside
    for visitor in second[1:]:
        await visitor.leave()
    await settle()
    assert late.inside
    await late.leave()


async def test_a_company_that_stays_or_waits_too_long_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gate_module, "COMPANY_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(gate_module, "COMPANY_PATIENCE_SECONDS", SHORT_SECONDS)
    gate = Gate()
    neighbour = Visitor(gate.way_of(0))
    await settle()
    lapsed = [Visitor(gate.way_of(1)) for _ in range(2 * gate_module.COMPANY)]
    late = Visitor(gate.way_of(0))

    async with asyncio.timeout(SOON_SECONDS):
        for visitor in (*lapsed, late):
            await visitor.came_in.wait()

    assert neighbour.inside
    for visitor in (neighbour, *lapsed, late):
        await visitor.leave()


async def test_who_lapsed_twice_runs_alone() -> None:
    gate = Gate()
    async with visiting(gate.way_of(2)) as first, visiting(gate.way_of(2)) as second:
        assert (first.inside, second.inside) == (True, False)
