"""Batches of blocks in, chunks out, on an event loop: cutting in a thread, asking for vectors."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from pipeline.chunk.registry import AskingChunker, Chunker
from pipeline.document import Block, Chunk

Embed = Callable[[list[str]], Awaitable[Sequence[Sequence[float]]]]


class ChunkStream:
    """For one document. `embed` is called only by strategies that need vectors, one call at a
    time; what it raises ends the stream.
    """

    def __init__(self, chunker: Chunker, embed: Embed) -> None:
        self._chunker = chunker
        self._embed = embed

    @property
    def asks(self) -> bool:
        """Whether the chunks depend on vectors, and so may differ at the next attempt."""
        return isinstance(self._chunker, AskingChunker)

    async def feed(self, blocks: Iterable[Block]) -> list[Chunk]:
        """The chunks that these blocks complete."""

        def feed() -> list[Chunk]:
            return [chunk for block in blocks for chunk in self._chunker.feed(block)]

        return await asyncio.to_thread(feed) + await self._learn()

    async def finish(self) -> list[Chunk]:
        """What is left after the last block."""
        return await asyncio.to_thread(lambda: list(self._chunker.finish())) + await self._learn()

    async def _learn(self) -> list[Chunk]:
        chunker = self._chunker
        if not isinstance(chunker, AskingChunker):
            return []
        chunks: list[Chunk] = []
        while (texts := chunker.texts()) is not None:
            vectors = await self._embed(texts) if texts else []
            chunks += await asyncio.to_thread(_learn, chunker, vectors)
        return chunks


def _learn(chunker: AskingChunker, vectors: Sequence[Sequence[float]]) -> list[Chunk]:
    return list(chunker.learn(vectors))
