import pytest

from pipeline.fusion import FOREIGN_WEIGHT, RankedList, dense_weight, fuse


def test_what_both_lists_hold_comes_first() -> None:
    fused = fuse([RankedList(["a", "b", "c"]), RankedList(["c", "d"])])

    assert [item for item, _ in fused] == ["c", "a", "b", "d"]
    assert fused[0][1] == pytest.approx(1 / 63 + 1 / 61)


def test_a_list_counts_by_its_weight() -> None:
    keyword = RankedList(["right", "second"])
    noise = RankedList(["wrong", "other"], weight=FOREIGN_WEIGHT)

    assert [item for item, _ in fuse([noise, keyword])][:2] == ["right", "second"]


def test_a_repeated_item_counts_once_at_its_best() -> None:
    assert fuse([RankedList(["a", "a", "b"])]) == fuse([RankedList(["a", "b"])])


def test_no_lists_fuse_to_nothing() -> None:
    assert fuse([]) == []
    assert fuse([RankedList([]), RankedList(["a"])]) == [("a", 1 / 61)]


@pytest.mark.parametrize(
    ("query", "languages", "weight"),
    [
        ("how do pumps fail", ["en"], 1.0),
        ("Größe der Straße", ["en"], 1.0),
        ("µ of the β decay", ["en"], 1.0),
        ("2024 / 42", ["en"], 1.0),
        ("", ["en"], 1.0),
        ("как работает насос", ["en"], FOREIGN_WEIGHT),
        ("東京タワーの高さ", ["en"], FOREIGN_WEIGHT),
        ("東京タワーの高さ", ["en", "ja"], 1.0),
        ("как работает насос", ["*"], 1.0),
    ],
)
def test_vectors_count_little_in_a_script_that_the_model_does_not_know(
    query: str, languages: list[str], weight: float
) -> None:
    assert dense_weight(query, languages) == weight
