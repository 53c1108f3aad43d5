import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fusion import (
    DENSE_SHARE,
    DENSE_SHARE_FOREIGN,
    FUSED_DEPTH,
    RankedList,
    dense_share,
    fuse_ranks,
    fuse_scores,
)

scored_lists = st.lists(
    st.tuples(st.text(min_size=1, max_size=3), st.floats(0, 50)), unique_by=lambda each: each[0]
).map(lambda rows: sorted(rows, key=lambda row: (-row[1], row[0])))


def test_what_all_lists_hold_comes_first_and_the_first_of_all_has_one() -> None:
    fused = fuse_ranks([RankedList(["c", "a", "b"]), RankedList(["c", "d"])])

    assert [item for item, _ in fused] == ["c", "a", "d", "b"]
    assert fused[0][1] == pytest.approx(1)


def test_a_repeated_item_counts_once_at_its_best() -> None:
    assert fuse_ranks([RankedList(["a", "a", "b"])]) == fuse_ranks([RankedList(["a", "b"])])


def test_a_score_is_the_weighed_sum_of_the_two() -> None:
    dense = [("a", 0.9), ("b", 0.7), ("c", 0.5)]
    keyword = [("a", 12.0), ("c", 6.0)]

    fused = dict(fuse_scores(dense, keyword, dense_share=0.6))

    assert fused == pytest.approx({"a": 0.6 * 0.8 + 0.4, "b": 0.6 * 0.4, "c": 0.4 * 0.5})


def test_one_list_alone_keeps_its_order() -> None:
    rows = [("a", 3.0), ("b", 2.0), ("c", 1.0)]

    assert [row for row, _ in fuse_scores(rows, [], dense_share=1)] == ["a", "b", "c"]
    assert [row for row, _ in fuse_scores([], rows, dense_share=0)] == ["a", "b", "c"]
    assert fuse_scores([], [], dense_share=0.5) == []


@given(scored_lists, scored_lists, st.floats(0, 1))
def test_every_row_has_a_score_from_0_to_1_in_falling_order(
    dense: list[tuple[str, float]], keyword: list[tuple[str, float]], share: float
) -> None:
    fused = fuse_scores(dense, keyword, dense_share=share)

    scores = [score for _, score in fused]
    assert {row for row, _ in fused} == {row for row, _ in [*dense, *keyword]}
    assert all(0 <= score <= 1.000001 for score in scores)
    assert scores == sorted(scores, reverse=True)


def test_what_was_read_deeper_changes_nothing_above() -> None:
    dense = [(f"d{number:03}", 1 - number / 1000) for number in range(FUSED_DEPTH + 50)]
    keyword = [(f"k{number:03}", 90 - number / 10) for number in range(FUSED_DEPTH + 50)]

    above = fuse_scores(dense[:FUSED_DEPTH], keyword[:FUSED_DEPTH], dense_share=0.5)
    deeper = fuse_scores(dense, keyword, dense_share=0.5)

    assert deeper[: len(above)] == above
    assert [row for row, _ in deeper[len(above) :][:4]] == ["k200", "d200", "k201", "d201"]


@pytest.mark.parametrize(
    ("query", "model", "dataset", "share"),
    [
        ("how do the pumps fail", ["en"], ["en"], DENSE_SHARE),
        ("how do the pumps fail", ["en"], ["de"], DENSE_SHARE),  # across languages
        ("Wie groß ist die Straße in der Stadt", ["en"], ["en"], DENSE_SHARE_FOREIGN),
        ("Wie groß ist die Straße in der Stadt", ["en", "de"], ["en"], DENSE_SHARE),
        ("µ of the β decay", ["en"], [], DENSE_SHARE),
        ("Panthers 24", ["en"], ["de", "en"], DENSE_SHARE),
        ("Panthers 24", ["en"], ["de"], DENSE_SHARE_FOREIGN),
        ("2024 / 42", ["en"], [], DENSE_SHARE),
        ("как работает насос", ["en"], ["en"], DENSE_SHARE_FOREIGN),
        ("東京タワーの高さ", ["en"], ["en"], DENSE_SHARE_FOREIGN),
        ("東京タワーの高さ", ["en", "ja"], [], DENSE_SHARE),
        ("как работает насос", ["*"], [], DENSE_SHARE),
    ],
)
def test_vectors_count_little_in_a_language_that_the_model_does_not_know(
    query: str, model: list[str], dataset: list[str], share: float
) -> None:
    assert dense_share(query, model_languages=model, dataset_languages=dataset) == share
