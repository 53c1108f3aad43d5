"""An answer that does not hold what was asked for is not believed."""

import pytest
from openai.types import CreateEmbeddingResponse

from pipeline.embed.answers import tokens_of, vectors_of
from pipeline.embed.errors import EmbedderAnswerInvalid


def answer(*items: tuple[object, object], usage: object = None) -> CreateEmbeddingResponse:
    return CreateEmbeddingResponse.construct(
        data=[
            {"index": index, "embedding": vector, "object": "embedding"} for index, vector in items
        ],
        usage=usage,
    )


def test_items_are_put_in_the_order_of_their_index() -> None:
    given = answer((1, [2.0]), (0, [1.0]))

    assert vectors_of(given, count=2, dimensions=None) == [[1.0], [2.0]]


def test_items_without_any_index_keep_their_order() -> None:
    given = answer((None, [2.0]), (None, [1.0]))

    assert vectors_of(given, count=2, dimensions=1) == [[2.0], [1.0]]


@pytest.mark.parametrize(
    "items",
    [
        [(0, [1.0])],
        [(0, [1.0]), (1, [1.0]), (2, [1.0])],
        [(0, [1.0]), (0, [1.0])],
        [(0, [1.0]), (None, [1.0])],
        [(0, [1.0]), (1, [1.0, 2.0])],
        [(0, [1.0]), (1, [])],
        [(0, [1.0]), (1, [float("nan")])],
        [(0, [1.0]), (1, [float("inf")])],
        [(0, [1.0]), (1, [0.0])],
        [(0, [1.0]), (1, "AACAPw==")],
        [(0, [1.0]), (1, [None])],
    ],
)
def test_wrong_counts_indices_and_vectors_are_refused(items: list[tuple[object, object]]) -> None:
    with pytest.raises(EmbedderAnswerInvalid):
        vectors_of(answer(*items), count=2, dimensions=None)


def test_other_dimensions_than_expected_are_refused() -> None:
    with pytest.raises(EmbedderAnswerInvalid, match="2 dimensions instead of 3"):
        vectors_of(answer((0, [1.0, 2.0])), count=1, dimensions=3)


def test_missing_usage_is_unknown_rather_than_nothing() -> None:
    assert tokens_of(answer((0, [1.0]))) is None
    assert tokens_of(answer((0, [1.0]), usage={"prompt_tokens": 3, "total_tokens": 3})) == 3
