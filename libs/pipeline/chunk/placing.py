"""From spans to chunks: without outer blanks, within every limit, each with its place.

A chunk carries the heading path and the position of the block it starts in; its box is around all
blocks that it has text of.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

import regex

from pipeline.chunk.context import bounded, header_of, headings_line
from pipeline.chunk.cutting import Span
from pipeline.chunk.fitting import Limits, halves, without_repetition
from pipeline.chunk.settings import ChunkSettings
from pipeline.document import Block, BlockKind, Chunk, Position, around

_CLUSTER = regex.compile(r"\X")


@dataclass(frozen=True, slots=True)
class _Known:
    """A block, and the header of the table that it is or goes on with."""

    block: Block
    header: str = ""
    is_continued: bool = False  # the header stands in an earlier block


class Placer:
    """Of one document. Holds the blocks that chunks to come may start in."""

    def __init__(self, settings: ChunkSettings, limits: Limits) -> None:
        self._settings = settings
        self._limits = limits
        self._blocks: deque[_Known] = deque()
        self._ordinal = 0

    def add(self, block: Block) -> None:
        """In order, and before the spans that start in it."""
        known = _Known(block, header_of(block))
        if block.kind is BlockKind.TABLE and not block.separator and self._blocks:
            before = self._blocks[-1]
            if before.block.kind is BlockKind.TABLE:  # a long table leaves the parser in parts
                known = _Known(block, before.header, is_continued=True)
        self._blocks.append(known)

    def chunks(self, spans: Iterable[Span], *, of_sections: bool = False) -> Iterator[Chunk]:
        """One of each, or more where one would be too long.

        `of_sections`: a span may hold several sections; its headings are those that they share.
        """
        for span in spans:
            for chunk in self._fitting(span, of_sections=of_sections):
                yield replace(chunk, ordinal=self._ordinal)
                self._ordinal += 1

    def _fitting(self, span: Span, *, of_sections: bool) -> Iterator[Chunk]:
        chunk = self._chunk(span, of_sections=of_sections)
        if chunk is None:
            return
        context = chunk.context
        if self._limits.hold(chunk.text, context) or len(chunk.text) == 1:
            yield chunk
            return
        if span.repeated > 0:
            shorter = without_repetition(
                span, lambda text: self._limits.hold(text.strip(), context)
            )
            yield from self._fitting(shorter, of_sections=of_sections)
            return
        for half in halves(Span(chunk.char_start, chunk.text)):
            yield from self._fitting(half, of_sections=of_sections)

    def _chunk(self, span: Span, *, of_sections: bool) -> Chunk | None:
        stripped = _without_outer_blanks(span)
        if not stripped.text:
            return None
        start, end = stripped.start, stripped.start + len(stripped.text)
        known = self._block_at(start)
        path = self._shared_path(end) if of_sections else known.block.heading_path
        return Chunk(
            ordinal=0,
            text=stripped.text,
            char_start=start,
            char_end=end,
            heading_path=path,
            position=self._place(known.block, start, end),
            context=bounded(
                headings_line(path) if self._settings.heading_prefix else "",
                _header_before(known, start),
                input_tokens=self._limits.input_tokens,
            ),
        )

    def _place(self, block: Block, start: int, end: int) -> Position:
        """Where it starts; the line it ends in; a box that holds all that it has of that page."""
        position = _position_within(block, start)
        if position.line is None and position.box is None:
            return position
        blocks = [
            known.block
            for known in self._blocks
            if known.block.char_start < end and _is_beside(known.block.position, position)
        ]
        if position.line is not None:
            inner = _position_within(blocks[-1], end)
            line_end = max(position.line, inner.line or position.line)
            position = replace(position, line_end=line_end)
        if position.box is not None:
            places = [block.position for block in blocks]
            boxes = [p.box for p in places if p.box is not None and p.page == position.page]
            position = replace(position, box=around(boxes))
        return position

    def _block_at(self, start: int) -> _Known:
        # Chunks start ever later, so blocks that end before this one are done with.
        while len(self._blocks) > 1 and self._blocks[1].block.char_start <= start:
            self._blocks.popleft()
        return self._blocks[0]

    def _shared_path(self, end: int) -> tuple[str, ...]:
        """Of the first block and all up to `end`; titles have no say where there is text."""
        blocks = [known.block for known in self._blocks if known.block.char_start < end]
        texts = [block for block in blocks if block.kind is not BlockKind.HEADING]
        paths = [block.heading_path for block in texts or blocks]
        shared = takewhile(lambda level: len(set(level)) == 1, zip(*paths, strict=False))
        return tuple(level[0] for level in shared)


def _is_beside(one: Position, other: Position) -> bool:
    """Whether both are of one sheet and one attachment, so that lines and boxes compare."""
    return (one.attachment, one.sheet) == (other.attachment, other.sheet)


def _header_before(known: _Known, start: int) -> str:
    """What of a table's header a chunk that starts in it does not hold itself."""
    if known.is_continued:
        return known.header
    return known.header[: max(0, start - known.block.char_start)]


def _position_within(block: Block, at: int) -> Position:
    """The block's position; within running text the line is that of this place in the document."""
    position = block.position
    if position.line is None or block.kind is not BlockKind.PARAGRAPH:
        return position
    lines = block.text.count("\n", 0, max(0, at - block.char_start))
    return replace(position, line=position.line + lines) if lines else position


def _without_outer_blanks(span: Span) -> Span:
    """Blanks at the ends say nothing; but a blank that carries a combining mark stays."""
    text = span.text
    begin = len(text) - len(text.lstrip())
    if 0 < begin < len(text) and not text[begin].isascii():
        while begin and _CLUSTER.match(text[begin - 1 : begin + 1]).end() == 2:
            begin -= 1
    return Span(span.start + begin, text[begin:].rstrip())
