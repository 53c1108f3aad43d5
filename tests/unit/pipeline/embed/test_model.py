"""What belongs to an embedding space, and what does not."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from pipeline.embed.model import EmbeddingModel

MODEL = EmbeddingModel("https://api.openai.com/v1", SecretStr("secret-key"), "model-a")


@pytest.mark.parametrize(
    "other",
    [
        replace(MODEL, base_url="https://elsewhere.example/v1"),
        replace(MODEL, base_url="https://api.openai.com/v2"),
        replace(MODEL, model="model-b"),
        replace(MODEL, dimensions=256),
        replace(MODEL, query_prefix="query: "),
        replace(MODEL, passage_prefix="query: "),
    ],
)
def test_what_decides_a_vector_makes_another_space(other: EmbeddingModel) -> None:
    assert other.space != MODEL.space


@pytest.mark.parametrize(
    "same",
    [
        replace(MODEL, api_key=SecretStr("another-key")),
        replace(MODEL, base_url="http://API.openai.com:8080/v1/"),
        replace(MODEL, batch_inputs=7, timeout=timedelta(seconds=1)),
        replace(MODEL, price=Decimal("0.02")),
    ],
)
def test_how_a_model_is_reached_and_paid_for_leaves_the_space(same: EmbeddingModel) -> None:
    assert same.space == MODEL.space


def test_a_space_is_a_stable_name_for_a_collection() -> None:
    assert re.fullmatch(r"[a-z_][a-z0-9_]{0,40}", MODEL.space)
    assert MODEL.space == "space_772e786a7b7dd98b"


def test_the_key_is_not_in_the_representation() -> None:
    assert "secret-key" not in repr(MODEL)


def test_a_price_is_for_a_million_tokens() -> None:
    priced = replace(MODEL, price=Decimal("0.02"))

    assert priced.cost_of(1_500_000) == Decimal("0.03")
    assert MODEL.cost_of(1_500_000) is None
