import pytest

from pipeline.store.collection import NAME_BYTES_MAX, collection_name, shorten
from pipeline.store.rows import row_id


def test_an_id_follows_from_document_generation_and_ordinal() -> None:
    assert row_id("document", 1, 2) == row_id("document", 1, 2)
    assert len({row_id("a", 1, 2), row_id("b", 1, 2), row_id("a", 2, 1), row_id("a", 1, 3)}) == 4


def test_ids_of_a_document_sort_by_generation_and_ordinal() -> None:
    places = [(1, 0), (1, 9), (1, 10), (2, 0), (10, 3), (300, 1)]

    ids = [row_id("document", generation, ordinal) for generation, ordinal in places]

    assert ids == sorted(ids)


@pytest.mark.parametrize(("generation", "ordinal"), [(-1, 0), (0, -1), (16**12, 0), (0, 16**8)])
def test_a_number_that_would_break_the_order_is_refused(generation: int, ordinal: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        row_id("document", generation, ordinal)


@pytest.mark.parametrize("space", ["a-b", "a b", 'a"', "ü", "x" * 300])
def test_a_space_that_cannot_name_a_collection_is_refused(space: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        collection_name("sluice_", space)


def test_a_long_name_is_cut_between_characters() -> None:
    assert shorten("short") == "short"
    assert shorten("ü" * NAME_BYTES_MAX) == "ü" * (NAME_BYTES_MAX // 2)
    assert len(shorten("a" + "東" * NAME_BYTES_MAX).encode()) <= NAME_BYTES_MAX
