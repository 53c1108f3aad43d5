"""Which model embeds, where it is, and what it may be sent at once."""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipeline.embed.tokens import count_tokens

INPUT_TOKENS = 8_191  # what OpenAI's models read
TEXT_TOKENS_MIN = 32  # of a chunk; a prefix that leaves less is no prefix


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """`dimensions` is asked of the server only if set: many servers refuse the parameter.

    The prefixes are for models trained with them (e5, nomic, bge). Prices are in dollars.
    """

    base_url: str
    api_key: SecretStr
    model: str
    dimensions: int | None = None
    query_prefix: str = ""
    passage_prefix: str = ""
    input_tokens: int = INPUT_TOKENS
    batch_inputs: int = 100
    batch_tokens: int = 250_000  # OpenAI takes 300,000 a request; others count differently
    batch_bytes: int = 2_000_000  # HF TEI refuses larger bodies by default
    timeout: timedelta = timedelta(seconds=60)
    cuts_refused: bool = False  # embed the beginning of a text that is refused for its length
    price: Decimal | None = None  # of a million tokens; None: not known

    @property
    def space(self) -> str:
        """A name for the vectors that can be compared with each other; names a collection.

        It stands for all that decides a vector, and for nothing else: not the key, and of the URL
        only host and path, since scheme and port say how a server is reached, not what it computes.
        """
        address = urlsplit(self.base_url)
        identity = [
            address.hostname or "",
            address.path.rstrip("/"),
            self.model,
            self.dimensions,
            self.query_prefix,
            self.passage_prefix,
        ]
        return "space_" + hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

    @property
    def text_tokens(self) -> int:
        """What is left of an input for a chunk, by cl100k, when the prefix has its part."""
        return max(self.input_tokens - count_tokens(self.passage_prefix), TEXT_TOKENS_MIN)

    def cost_of(self, tokens: int) -> Decimal | None:
        """Dollars; None if the price is not known."""
        return None if self.price is None else self.price * tokens / 1_000_000
