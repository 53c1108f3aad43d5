"""The default strategy: pack paragraphs, lines, sentences and words up to a size, with overlap.

Small blocks are packed together, but never across a page, a slide or a sheet: a citation names
one.
"""

from collections.abc import Iterator

from pipeline.chunk.cutting import Cutter
from pipeline.chunk.fitting import Limits
from pipeline.chunk.placing import Placer
from pipeline.chunk.rulers import Characters, RulerKind
from pipeline.chunk.settings import ChunkSettings
from pipeline.document import Block, Chunk


class RecursiveChunker:
    """Holds no more than the text of a few chunks and the blocks it stands in."""

    ruler: RulerKind = Characters

    def __init__(self, settings: ChunkSettings, limits: Limits) -> None:
        self._settings = settings
        self._cutter = self._new_cutter()
        self._placer = Placer(settings, limits)
        self._last: Block | None = None

    def feed(self, block: Block) -> Iterator[Chunk]:
        """The chunks that this block completes."""
        text, start = block.separator + block.text, block.char_start - len(block.separator)
        if self._last is not None and place_of(self._last) != place_of(block):
            yield from self._placer.chunks(self._cutter.close())
            self._cutter = self._new_cutter()
            text, start = block.text, block.char_start
        self._last = block
        self._placer.add(block)
        yield from self._placer.chunks(self._cutter.push(text, start))

    def finish(self) -> Iterator[Chunk]:
        """What is left after the last block."""
        yield from self._placer.chunks(self._cutter.close())

    def _new_cutter(self) -> Cutter:
        return Cutter(size=self._settings.size, overlap=self._settings.overlap, ruler=self.ruler)


def place_of(block: Block) -> tuple[int | None, str | None, str | None]:
    """What a citation names: no chunk holds text of two of these."""
    return block.position.page, block.position.sheet, block.position.attachment
