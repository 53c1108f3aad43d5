"""What a model costs is known, set, or said not to be known."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from pipeline.embed.configured import configured_model
from pipeline.settings import EmbeddingSettings


def price(**settings: str) -> Decimal | None:
    return configured_model(EmbeddingSettings.model_validate(settings)).price


def test_openais_models_have_their_prices() -> None:
    assert price(embedding_model="text-embedding-3-small") == Decimal("0.02")
    assert price(embedding_model="text-embedding-3-large") == Decimal("0.13")


def test_a_model_that_nobody_has_priced_has_none() -> None:
    assert price(embedding_model="my-model") is None


def test_a_table_comes_before_what_is_known_and_the_models_own_price_before_the_table() -> None:
    table = "my-model=0.5, text-embedding-3-small = 0.01"

    assert price(embedding_model="my-model", embedding_prices=table) == Decimal("0.5")
    assert price(embedding_prices=table) == Decimal("0.01")
    assert price(embedding_prices=table, embedding_price="0.3") == Decimal("0.3")


@pytest.mark.parametrize("table", ["0.5", "my-model=cheap", "my-model=-1", "=1"])
def test_a_table_that_says_no_price_is_refused(table: str) -> None:
    with pytest.raises(ValidationError):
        price(embedding_prices=table)
