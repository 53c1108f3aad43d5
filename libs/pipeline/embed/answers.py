"""Believing an answer only after looking: count, order, dimensions, finite and not zero."""

import math
from collections.abc import Sequence
from operator import mul

from openai.types import CreateEmbeddingResponse, Embedding

from pipeline.embed.errors import EmbedderAnswerInvalid

Vector = list[float]


def vectors_of(
    answer: CreateEmbeddingResponse, *, count: int, dimensions: int | None
) -> list[Vector]:
    """The vectors in the order of the inputs; `dimensions` None accepts any number, but one."""
    if len(answer.data) != count:
        raise EmbedderAnswerInvalid(
            f"The embedding endpoint gave {len(answer.data)} vectors for {count} texts."
        )
    vectors = [item.embedding for item in _in_order(answer.data)]
    expected = dimensions
    for vector in vectors:
        expected = len(vector) if expected is None else expected
        _check(vector, expected)
    return vectors


def tokens_of(answer: CreateEmbeddingResponse) -> int | None:
    """What the endpoint says it counted; None if it does not say (many local servers)."""
    usage: object = answer.usage
    tokens = getattr(usage, "total_tokens", None) or getattr(usage, "prompt_tokens", None)
    return tokens if isinstance(tokens, int) and tokens > 0 else None


def _in_order(items: Sequence[Embedding]) -> list[Embedding]:
    indices: list[object] = [item.index for item in items]
    if all(index is None for index in indices):
        return list(items)
    if not all(isinstance(index, int) for index in indices) or {*indices} != {*range(len(items))}:
        raise EmbedderAnswerInvalid("The embedding endpoint's answer has wrong indices.")
    return sorted(items, key=lambda item: item.index)


def _check(vector: object, dimensions: int) -> None:
    # The SDK leaves a string when floats were asked for and base64 came.
    if not isinstance(vector, list) or not vector:
        raise EmbedderAnswerInvalid("The embedding endpoint's answer is not made of numbers.")
    if len(vector) != dimensions:
        raise EmbedderAnswerInvalid(
            f"The embedding endpoint gave {len(vector)} dimensions instead of {dimensions}."
        )
    try:
        length_squared = sum(map(mul, vector, vector))
        is_direction = math.isfinite(length_squared) and length_squared > 0
    except TypeError as error:
        raise EmbedderAnswerInvalid(
            "The embedding endpoint's answer is not made of numbers."
        ) from error
    if not is_direction:
        raise EmbedderAnswerInvalid("The embedding endpoint gave a vector that is no direction.")
