"""Nobody holds all the places, and nobody waits for a place that is free for them."""

import asyncio

import pytest

from pipeline.parse.turns import Guest, Turns

TURNS_OF_THE_LOOP = 5


async def asks(turns: Turns, guest: Guest) -> asyncio.Task[None]:
    """A guest who has had the time to get a place, if there is one."""
    task = asyncio.create_task(turns.take(guest))
    for _ in range(TURNS_OF_THE_LOOP):
        await asyncio.sleep(0)
    return task


async def test_one_owner_leaves_a_place_for_others() -> None:
    turns = Turns(3)
    crowd = [await asks(turns, Guest("crowd")) for _ in range(5)]

    other = await asks(turns, Guest("other"))

    assert [task.done() for task in crowd] == [True, True, False, False, False]
    assert other.done()


async def test_large_files_take_half_of_the_places() -> None:
    turns = Turns(4)
    large = [await asks(turns, Guest(owner, large=True)) for owner in "abc"]

    small = await asks(turns, Guest("d"))

    assert [task.done() for task in large] == [True, True, False]
    assert small.done()


async def test_a_place_given_back_goes_to_who_has_waited_longest() -> None:
    turns = Turns(1)
    await turns.take(Guest("a"))
    waiting = [await asks(turns, Guest(owner)) for owner in "bc"]

    turns.give_back(Guest("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert [task.done() for task in waiting] == [True, False]


async def test_the_only_place_is_for_everybody() -> None:
    turns = Turns(1)

    assert (await asks(turns, Guest("a", large=True))).done()


async def test_who_stops_waiting_leaves_nothing_behind() -> None:
    turns = Turns(1)
    await turns.take(Guest("a"))
    impatient = await asks(turns, Guest("b"))

    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    turns.give_back(Guest("a"))

    assert (await asks(turns, Guest("c"))).done()


async def test_who_is_called_away_when_let_in_gives_the_place_back() -> None:
    turns = Turns(1)
    await turns.take(Guest("a"))
    waiting = await asks(turns, Guest("b"))

    turns.give_back(Guest("a"))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert (await asks(turns, Guest("c"))).done()
