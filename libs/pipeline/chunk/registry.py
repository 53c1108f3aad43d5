"""The strategies by name; a new one is a file and a line here."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from pipeline.chunk.fitting import Limits
from pipeline.chunk.heading import HeadingChunker
from pipeline.chunk.recursive import RecursiveChunker
from pipeline.chunk.semantic import SemanticChunker
from pipeline.chunk.settings import ChunkSettings, sizes_of
from pipeline.chunk.token import TokenChunker
from pipeline.document import Block, Chunk
from pipeline.embed.model import INPUT_TOKENS

CHUNKER_VERSION = "3"  # part of the pipeline fingerprint: raise it when any chunk would differ


class Chunker(Protocol):
    """Takes the blocks of one document in order and yields chunks as soon as they are complete."""

    def feed(self, block: Block) -> Iterator[Chunk]:
        """The chunks that this block completes."""
        ...

    def finish(self) -> Iterator[Chunk]:
        """What is left after the last block."""
        ...


@runtime_checkable
class AskingChunker(Chunker, Protocol):
    """One that needs vectors: those of `texts` go to `learn`, until it is None."""

    def texts(self) -> list[str] | None:
        """What to embed next, perhaps nothing; None until more is fed, and when all is done."""
        ...

    def learn(self, vectors: Sequence[Sequence[float]]) -> Iterator[Chunk]:
        """The chunks that the vectors of these texts complete."""
        ...


STRATEGIES: dict[str, Callable[[ChunkSettings, Limits], Chunker]] = {
    "recursive": RecursiveChunker,
    "heading": HeadingChunker,
    "token": TokenChunker,
    "semantic": SemanticChunker,
}


def chunker_for(settings: ChunkSettings, *, input_tokens: int = INPUT_TOKENS) -> Chunker:
    """A fresh chunker, good for one document; ValueError for a strategy nobody registered.

    `input_tokens`: no chunk has more cl100k tokens than this where it is embedded.
    """
    return _strategy(settings.strategy)(settings, Limits(input_tokens))


def default_settings(
    strategy: str,
    *,
    size: int | None = None,
    overlap: int | None = None,
    heading_prefix: bool = False,
) -> ChunkSettings:
    """A strategy's own, but for what is given.

    Raises ValueError for a strategy nobody registered, or a length outside its range.
    """
    _strategy(strategy)
    sizes = sizes_of(strategy)
    return ChunkSettings(
        strategy,
        sizes.size if size is None else size,
        sizes.overlap if overlap is None else overlap,
        heading_prefix,
    )


def _strategy(name: str) -> Callable[[ChunkSettings, Limits], Chunker]:
    try:
        return STRATEGIES[name]
    except KeyError:
        known = ", ".join(sorted(STRATEGIES))
        raise ValueError(f"no chunking strategy is called {name!r}; known: {known}") from None
