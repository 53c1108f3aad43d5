"""Synthetic vectors: deterministic, of unit length, unlike each other."""

import numpy as np

from embeddings_server.models import SyntheticModel


def test_equal_texts_have_equal_vectors_and_others_are_nearly_orthogonal() -> None:
    model = SyntheticModel(384)

    first, again, other = (model.encode(read) for read in model.read(["a", "a", "b"]))

    assert np.array_equal(first, again)
    assert abs(float(np.dot(first, other))) < 0.3
    assert abs(float(np.linalg.norm(first)) - 1) < 1e-6


def test_tokens_are_quarters_of_the_bytes_rounded_up() -> None:
    model = SyntheticModel(8)

    counts = [read.tokens for read in model.read(["a", "abcd", "abcde", "中文"])]

    assert counts == [1, 1, 2, 2]
