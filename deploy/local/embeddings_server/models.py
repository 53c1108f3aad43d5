"""What the server needs of a model, and two that it has; the third is an extra (`e5.py`).

`read` is cheap and tells the tokens; `encode` is the work. They are apart because a request is
refused by its tokens before anything is computed, and because inputs of many requests take turns.
"""

import hashlib
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from tokenizers import Tokenizer

from embeddings_server.inputs import Input
from embeddings_server.minilm import MiniLM
from embeddings_server.wire import Vector


class Model(Protocol):
    name: str
    dimensions: int
    description: str

    def read(self, texts: Sequence[str]) -> list[Input]: ...

    def encode(self, read: Input) -> Vector: ...


class WordPieceModel:
    """all-MiniLM-L6-v2. Text beyond its window of 256 word pieces does not reach the vector."""

    name = "all-MiniLM-L6-v2"
    dimensions = MiniLM.DIMENSIONS

    def __init__(self, tokenizer: Tokenizer, network: MiniLM) -> None:
        self._tokenizer = tokenizer
        self._network = network
        self.description = (
            f"sentence-transformers/all-MiniLM-L6-v2, {network.form}; "
            f"input is cut after {MiniLM.WINDOW} word pieces"
        )

    def read(self, texts: Sequence[str]) -> list[Input]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [Input(len(encoding.ids), encoding.ids) for encoding in encodings]

    def encode(self, read: Input) -> Vector:
        return self._network.encode(cast(list[int], read.content))


class SyntheticModel:
    """Unit vectors from a hash: equal texts are equal, all others are about orthogonal.

    They cost microseconds, so a load run measures the pipeline. They say nothing about meaning.
    """

    name = "synthetic"
    description = "SYNTHETIC vectors from a hash of the text: no meaning, for load and chaos runs"

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions

    def read(self, texts: Sequence[str]) -> list[Input]:
        contents = [text.encode("utf-8", "surrogatepass") for text in texts]
        return [Input(-(-len(content) // 4), content) for content in contents]

    def encode(self, read: Input) -> Vector:
        digest = hashlib.shake_256(cast(bytes, read.content)).digest(2 * self.dimensions)
        # Odd numbers only, so that no vector can be zero, whatever the hash.
        numbers = np.frombuffer(digest, dtype="<i2").astype(np.float32) * 2 + 1
        return cast(Vector, numbers / np.linalg.norm(numbers))
