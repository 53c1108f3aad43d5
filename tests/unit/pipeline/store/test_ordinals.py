"""Which rows are there, in little memory."""

import tracemalloc

import pytest

from pipeline.store.ordinals import Ordinals


def test_it_holds_what_was_added_and_knows_its_end() -> None:
    some = Ordinals([9, 0, 40_000, 9])

    assert list(some) == [0, 9, 40_000]
    assert [ordinal in some for ordinal in (0, 1, 9, 39_999, 40_000, 40_001, -1)] == [
        True, False, True, False, True, False, False,
    ]  # fmt: skip
    assert (some.end, Ordinals().end, Ordinals([7]).end, Ordinals([8]).end) == (40_001, 0, 8, 9)


def test_twenty_million_rows_take_a_few_megabytes() -> None:
    tracemalloc.start()

    some = Ordinals(range(0, 20_000_000, 1_000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert 19_999_000 in some
    assert taken < 4 * 1024 * 1024


@pytest.mark.parametrize("ordinal", [-1, 1 << 40])
def test_what_is_no_ordinal_of_a_row_is_refused(ordinal: int) -> None:
    with pytest.raises(ValueError, match="no ordinal"):
        Ordinals([ordinal])
