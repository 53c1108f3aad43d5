"""What models cost, in US dollars per million input tokens.

OpenAI's, as embeddingcost.com (May 2026) and tokenmix.ai (April 2026) quote its page. Everybody
else's, and prices agreed otherwise, are settings. A model that is in neither has no price: its
tokens are counted, and cost nothing that we know of.
"""

from collections.abc import Mapping
from decimal import Decimal

PRICES: Mapping[str, Decimal] = {
    "text-embedding-3-small": Decimal("0.02"),
    "text-embedding-3-large": Decimal("0.13"),
    "text-embedding-ada-002": Decimal("0.10"),
}


def price_of(model: str, own: Mapping[str, Decimal]) -> Decimal | None:
    """`own` prices come before those that are known here."""
    return own.get(model, PRICES.get(model))
