"""Who may touch an object while another does."""

import asyncio

from cloudflare_standin.key_gate import KeyGate

A, B = ("bucket", "a"), ("bucket", "b")


async def test_two_writers_of_one_object_take_turns() -> None:
    gate, inside, most = KeyGate(), 0, 0

    async def write() -> None:
        nonlocal inside, most
        async with gate.writing([A]):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(write() for _ in range(10)))

    assert most == 1


async def test_writers_of_the_same_objects_in_any_order_do_not_wait_in_a_ring() -> None:
    gate = KeyGate()

    async def copy(source: tuple[str, str], target: tuple[str, str]) -> None:
        async with gate.writing([target], source=source):
            await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(*(copy(A, B) if n % 2 else copy(B, A) for n in range(20)))


async def test_a_read_is_torn_only_once_a_write_begins() -> None:
    gate = KeyGate()

    async with gate.reading(A) as reading:
        async with gate.writing([A]):
            pass  # a condition failed
        refused = reading.torn
        async with gate.writing([A]) as writing:
            writing.begin()

    assert not refused
    assert reading.torn


async def test_the_source_of_a_copy_stays_readable() -> None:
    gate = KeyGate()

    async with gate.reading(A) as reading, gate.writing([B], source=A) as writing:
        writing.begin()

    assert not reading.torn


async def test_a_read_that_starts_during_a_write_waits_and_is_whole() -> None:
    gate, order = KeyGate(), []

    async def read() -> bool:
        async with gate.reading(A) as reading:
            order.append("read")
            return reading.torn

    async with gate.writing([A]) as writing:
        writing.begin()
        pending = asyncio.create_task(read())
        await asyncio.sleep(0)
        order.append("written")
    torn = await pending

    assert order == ["written", "read"]
    assert not torn
