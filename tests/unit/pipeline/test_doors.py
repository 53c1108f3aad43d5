"""Small files go in by the hundred, large ones by fours, in the order in which they came."""

import asyncio

import pytest

from pipeline import doors
from pipeline.doors import LIGHTEST_BYTES, Door


async def entering(door: Door, file_bytes: int | None) -> asyncio.Task[bool]:
    task = asyncio.create_task(door.enter(door.weight_of(file_bytes)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_there_is_room_for_many_small_files_or_four_large_ones() -> None:
    room = 8 * LIGHTEST_BYTES
    for size, expected in ((10, 8), (room // 8, 8), (room, 4), (None, 4)):
        door = Door(8)
        tasks = [await entering(door, size) for _ in range(10)]

        assert sum(task.done() for task in tasks) == expected
        assert door.is_pressed

        for task in tasks:
            task.cancel()


async def test_nobody_passes_one_who_waits_and_one_who_gives_up_holds_up_nobody() -> None:
    door = Door(4)
    inside = [await entering(door, 1) for _ in range(4)]
    first, large, last = [await entering(door, size) for size in (1, 10 * LIGHTEST_BYTES, 1)]

    door.leave(door.weight_of(1))
    await asyncio.sleep(0)
    assert [task.done() for task in (first, large, last)] == [True, False, False]
    large.cancel()
    door.leave(door.weight_of(1))
    assert await last
    assert all(await asyncio.gather(*inside))


async def test_a_door_is_pressed_while_somebody_waits_and_for_a_moment_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    door = Door(4)
    inside = [await entering(door, 1) for _ in range(4)]
    at_first = door.is_pressed
    waiting = await entering(door, 1)
    while_waiting = door.is_pressed
    door.leave(door.weight_of(1))
    await asyncio.gather(*inside, waiting)
    right_after = door.is_pressed
    monkeypatch.setattr(doors, "PRESSED_SECONDS", 0.0)

    assert (at_first, while_waiting, right_after, door.is_pressed) == (False, True, True, False)


async def test_a_door_that_is_held_lets_wait_and_one_that_is_shut_sends_away() -> None:
    door = Door(4)
    assert await door.enter(door.weight_of(1))
    door.hold()
    waiting = await entering(door, 1)

    assert not waiting.done()
    door.shut()
    assert not await waiting
    assert not await door.enter(door.weight_of(1))
