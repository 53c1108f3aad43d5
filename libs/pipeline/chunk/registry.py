"""The strategies by name; a new one is a file and a line here."""

from collections.abc import Callable, Iterator
from typing import Protocol

from pipeline.chunk.recursive import RecursiveChunker
from pipeline.chunk.settings import ChunkSettings
from pipeline.document import Block, Chunk

CHUNKER_VERSION = "2"  # part of the pipeline fingerprint: raise it when any chunk would differ


class Chunker(Protocol):
    """Takes the blocks of one document in order and yields chunks as soon as they are complete."""

    def feed(self, block: Block) -> Iterator[Chunk]:
        """The chunks that this block completes."""
        ...

    def finish(self) -> Iterator[Chunk]:
        """What is left after the last block."""
        ...


STRATEGIES: dict[str, Callable[[ChunkSettings], Chunker]] = {
    "recursive": RecursiveChunker,
}


def chunker_for(settings: ChunkSettings) -> Chunker:
    """A fresh chunker, good for one document; ValueError for a strategy nobody registered."""
    try:
        strategy = STRATEGIES[settings.strategy]
    except KeyError:
        known = ", ".join(sorted(STRATEGIES))
        raise ValueError(
            f"no chunking strategy is called {settings.strategy!r}; known: {known}"
        ) from None
    return strategy(settings)
