"""Follows the structure of a document: a section is never mixed with what does not belong to it.

A section is what stands under one heading path, on one page. A long one is cut as the default
strategy does, by itself. A short one is a chunk, but:

- a heading with nothing under it joins the section below it, if there is room;
- neighbours of the same parent share a chunk as long as they fit into one. Packed from the left,
  one line more would move all that follow; so one heading in some eight, as a hash of it says,
  opens a new chunk wherever it stands, and behind it nothing moves.
"""

import zlib
from collections.abc import Iterator, Sequence

from pipeline.chunk.cutting import Cutter, Span
from pipeline.chunk.fitting import Limits
from pipeline.chunk.placing import Placer
from pipeline.chunk.recursive import place_of
from pipeline.chunk.settings import ChunkSettings
from pipeline.document import Block, BlockKind, Chunk

OPENS_ONE_IN = 8


class HeadingChunker:
    """Holds no more than the text of a few chunks and the blocks it stands in."""

    def __init__(self, settings: ChunkSettings, limits: Limits) -> None:
        self._settings = settings
        self._placer = Placer(settings, limits)
        self._group: list[Block] = []  # whole sections that share a chunk
        self._section: list[Block] = []  # the one that is being read, while it is short
        self._cutter: Cutter | None = None  # or that has grown long
        self._last: Block | None = None

    def feed(self, block: Block) -> Iterator[Chunk]:
        """The chunks that this block completes."""
        if self._last is not None and _section_of(self._last) != _section_of(block):
            yield from self._end_section()
        self._last = block
        self._placer.add(block)
        if self._cutter is not None:
            yield from self._push(self._cutter, block, block.separator)
            return
        self._section.append(block)
        if _length(self._section) > self._settings.size:
            yield from self._end_group()
            self._cutter = Cutter(size=self._settings.size, overlap=self._settings.overlap)
            for number, each in enumerate(self._section):
                yield from self._push(self._cutter, each, each.separator if number else "")
            self._section = []

    def finish(self) -> Iterator[Chunk]:
        """What is left after the last block."""
        yield from self._end_section()
        yield from self._end_group()

    def _push(self, cutter: Cutter, block: Block, separator: str) -> Iterator[Chunk]:
        start = block.char_start - len(separator)
        yield from self._placer.chunks(cutter.push(separator + block.text, start))

    def _end_section(self) -> Iterator[Chunk]:
        if self._cutter is not None:
            yield from self._placer.chunks(self._cutter.close())
            self._cutter = None
            return
        if self._group and not self._joins():
            yield from self._end_group()
        self._group += self._section
        self._section = []

    def _joins(self) -> bool:
        """Whether the section that has been read shares the chunk of those before it."""
        if not self._section:
            return False
        before, first = self._group[-1], self._section[0]
        if place_of(before) != place_of(first):
            return False
        if _length([*self._group, *self._section]) > self._settings.size:
            return False
        if before.kind is BlockKind.HEADING and _is_within(first, before):
            return True
        return _are_siblings(before, first) and not _opens(first)

    def _end_group(self) -> Iterator[Chunk]:
        if self._group:
            text = "".join(block.separator + block.text for block in self._group)
            text = text[len(self._group[0].separator) :]
            span = Span(self._group[0].char_start, text)
            self._group = []
            yield from self._placer.chunks([span], of_sections=True)


def _section_of(block: Block) -> tuple[object, ...]:
    return place_of(block), block.heading_path


def _length(blocks: Sequence[Block]) -> int:
    return blocks[-1].char_end - blocks[0].char_start


def _is_within(block: Block, outer: Block) -> bool:
    return block.heading_path[: len(outer.heading_path)] == outer.heading_path


def _are_siblings(one: Block, other: Block) -> bool:
    paths = one.heading_path, other.heading_path
    return all(paths) and paths[0][:-1] == paths[1][:-1]


def _opens(block: Block) -> bool:
    heading = block.heading_path[-1].encode(errors="replace")
    return zlib.crc32(heading) % OPENS_ONE_IN == 0
