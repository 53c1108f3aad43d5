"""Filling a request up to the limits of a model."""

from dataclasses import dataclass

from pipeline.embed.model import EmbeddingModel
from pipeline.embed.tokens import count_tokens

# The quotes and the comma that JSON puts around a string, and a little for escapes.
JSON_BYTES_PER_INPUT = 4


@dataclass(frozen=True, slots=True)
class Size:
    bytes: int
    tokens: int  # an upper bound


def size_of(text: str, model: EmbeddingModel) -> Size:
    """The size of a prefixed passage; tokens are counted only where their bytes could matter.

    A token has at least one byte, so a batch of texts below their share of the token limit cannot
    be over it, and most chunks need no counting at all.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size * model.batch_inputs <= model.batch_tokens:
        return Size(size + JSON_BYTES_PER_INPUT, size)
    return Size(size + JSON_BYTES_PER_INPUT, count_tokens(text))


class Filling:
    """The sizes of a request that is being filled."""

    def __init__(self, model: EmbeddingModel) -> None:
        self._model = model
        self._inputs = 0
        self._bytes = 0
        self._tokens = 0

    def take(self, size: Size) -> bool:
        """Count one more input, unless it does not fit. The first always fits: it goes alone."""
        fits = (
            self._inputs < self._model.batch_inputs
            and self._bytes + size.bytes <= self._model.batch_bytes
            and self._tokens + size.tokens <= self._model.batch_tokens
        )
        if self._inputs and not fits:
            return False
        self._inputs += 1
        self._bytes += size.bytes
        self._tokens += size.tokens
        return True
