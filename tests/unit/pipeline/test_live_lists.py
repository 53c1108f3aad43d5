from collections.abc import Collection
from uuid import UUID

from pipeline.live_lists import FIRST_ROUND, ROUNDS_MAX, Fetch, live_lists
from pipeline.store.rows import FoundRow

DOCUMENT = UUID("0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11")
READ_MOST = FIRST_ROUND * (2**ROUNDS_MAX - 1)


def row(number: int, generation: int = 1, document: UUID = DOCUMENT) -> FoundRow:
    return FoundRow(f"{number:06}", str(document), generation, number, 1 / (number + 1))


def reading(rows: list[FoundRow]) -> Fetch:
    async def fetch(limit: int, offset: int) -> list[FoundRow]:
        return rows[offset : offset + limit]

    return fetch


async def all_of_generation_1(documents: Collection[UUID]) -> dict[UUID, int]:
    return dict.fromkeys(documents, 1)


async def test_dead_rows_are_passed_over_until_enough_live_ones_are_there() -> None:
    rows = [row(number, generation=1 + (number < 2_000)) for number in range(3_000)]

    [found] = await live_lists([reading(rows)], all_of_generation_1, wanted=20)

    assert found.rows == rows[2_000:2_020]
    assert found.complete


async def test_a_list_that_ends_is_complete_however_short() -> None:
    [found] = await live_lists([reading([row(0), row(1, 2)])], all_of_generation_1, wanted=20)

    assert found.rows == [row(0)]
    assert found.complete


async def test_a_list_too_deep_to_be_read_says_so() -> None:
    rows = [row(number, generation=2) for number in range(READ_MOST)] + [row(READ_MOST)]

    [found] = await live_lists([reading(rows)], all_of_generation_1, wanted=20)

    assert found.rows == []
    assert not found.complete


async def test_lists_are_filled_apart() -> None:
    short, long = [row(0)], [row(number) for number in range(500)]

    one, other = await live_lists([reading(short), reading(long)], all_of_generation_1, wanted=300)

    assert (len(one.rows), len(other.rows)) == (1, 300)


async def test_a_document_that_switched_while_it_was_read_is_read_once_more() -> None:
    index = [row(0, generation=1)]
    looks = 0

    async def fetch(limit: int, offset: int) -> list[FoundRow]:
        return index[offset : offset + limit]

    async def liveness(documents: Collection[UUID]) -> dict[UUID, int]:
        nonlocal looks
        looks += 1
        index.append(row(1, generation=2))  # it switches between the two looks
        return dict.fromkeys(documents, 2)

    [found] = await live_lists([fetch], liveness, wanted=20)

    assert found.rows == [row(1, generation=2)]
    assert looks == 1
