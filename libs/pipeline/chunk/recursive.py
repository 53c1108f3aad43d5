"""The default strategy: pack paragraphs, lines, sentences and words up to a size, with overlap.

Small blocks are packed together, but never across a page, a slide or a sheet: a citation names
one. A chunk carries the heading path and the position of the block it starts in.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

import regex

from pipeline.chunk.cutting import Cutter, Span
from pipeline.chunk.settings import ChunkSettings
from pipeline.document import Block, BlockKind, Chunk, Position

_CLUSTER = regex.compile(r"\X")


class RecursiveChunker:
    """Holds no more than the text of a few chunks and the blocks it stands in."""

    def __init__(self, settings: ChunkSettings) -> None:
        self._settings = settings
        self._cutter = self._new_cutter()
        self._blocks: deque[Block] = deque()  # those that a chunk to come may start in
        self._ordinal = 0

    def feed(self, block: Block) -> Iterator[Chunk]:
        """The chunks that this block completes."""
        text, start = block.separator + block.text, block.char_start - len(block.separator)
        if self._blocks and _place(self._blocks[-1]) != _place(block):
            yield from self._chunks(self._cutter.close())
            self._cutter = self._new_cutter()
            text, start = block.text, block.char_start
        self._blocks.append(block)
        yield from self._chunks(self._cutter.push(text, start))

    def finish(self) -> Iterator[Chunk]:
        """What is left after the last block."""
        yield from self._chunks(self._cutter.close())

    def _new_cutter(self) -> Cutter:
        return Cutter(size=self._settings.size, overlap=self._settings.overlap)

    def _chunks(self, spans: Iterator[Span]) -> Iterator[Chunk]:
        for span in spans:
            stripped = _without_outer_blanks(span)
            if not stripped.text:
                continue
            block = self._block_at(stripped.start)
            yield Chunk(
                ordinal=self._ordinal,
                text=stripped.text,
                char_start=stripped.start,
                char_end=stripped.start + len(stripped.text),
                heading_path=block.heading_path,
                position=_position_within(block, stripped.start),
            )
            self._ordinal += 1

    def _block_at(self, start: int) -> Block:
        # Chunks start ever later, so blocks that end before this one are done with.
        while len(self._blocks) > 1 and self._blocks[1].char_start <= start:
            self._blocks.popleft()
        return self._blocks[0]


def _place(block: Block) -> tuple[int | None, str | None]:
    return block.position.page, block.position.sheet


def _position_within(block: Block, start: int) -> Position:
    """The block's position; within running text the line is that of the chunk's first character."""
    position = block.position
    if position.line is None or block.kind is not BlockKind.PARAGRAPH:
        return position
    lines = block.text.count("\n", 0, max(0, start - block.char_start))
    return replace(position, line=position.line + lines) if lines else position


def _without_outer_blanks(span: Span) -> Span:
    """Blanks at the ends say nothing; but a blank that carries a combining mark stays."""
    text = span.text
    begin = len(text) - len(text.lstrip())
    if 0 < begin < len(text) and not text[begin].isascii():
        while begin and _CLUSTER.match(text[begin - 1 : begin + 1]).end() == 2:
            begin -= 1
    return Span(span.start + begin, text[begin:].rstrip())
