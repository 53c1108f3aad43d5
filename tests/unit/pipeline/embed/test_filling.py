"""A request is filled up to the limits and not beyond."""

from dataclasses import replace

from pydantic import SecretStr

from pipeline.embed.filling import Filling, Size, size_of
from pipeline.embed.model import EmbeddingModel

MODEL = EmbeddingModel(
    "http://127.0.0.1/v1",
    SecretStr("k"),
    "m",
    batch_inputs=3,
    batch_tokens=100,
    batch_bytes=1_000,
)


def test_inputs_bytes_and_tokens_each_end_a_request() -> None:
    by_inputs, by_bytes, by_tokens = Filling(MODEL), Filling(MODEL), Filling(MODEL)

    assert [by_inputs.take(Size(1, 1)) for _ in range(4)] == [True, True, True, False]
    assert [by_bytes.take(Size(600, 1)) for _ in range(2)] == [True, False]
    assert [by_tokens.take(Size(1, 60)) for _ in range(2)] == [True, False]


def test_an_input_above_the_limits_goes_alone() -> None:
    filling = Filling(MODEL)

    assert filling.take(Size(5_000, 5_000))
    assert not filling.take(Size(1, 1))


def test_tokens_are_counted_where_bytes_alone_would_end_a_request_too_early() -> None:
    text = "internationalization " * 10

    counted = size_of(text, MODEL)
    bounded = size_of(text, replace(MODEL, batch_tokens=100_000))

    assert counted.tokens < 60
    assert bounded.tokens == len(text)
