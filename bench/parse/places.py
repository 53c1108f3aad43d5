"""Whether every chunk of every file stands where it says: offsets, page and box."""

import asyncio
import re
import tempfile
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pypdfium2

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Box, Chunk
from pipeline.errors import PipelineError
from pipeline.parse.canonical import canonical_text
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool

SLACK_POINTS = 1.0  # boxes are rounded, and some glyphs stand out of theirs
BYTES_MAX = 64 * 1024 * 1024  # of a file: all its text is held here

_WORD = re.compile(r"\w+")
# A word that goes on in the next line: PDFium writes a mark of its own for some hyphens.
_BREAK = re.compile("(?<=\\w)(?:[\u0002\ufffe\u00ad]|[-\u2010](?=[\r\n]))[\r\n]*")


@dataclass(slots=True)
class Places:
    """Counts over a corpus, and the words of the worst chunks' places, never the words."""

    files: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    chunks: int = 0
    misplaced: int = 0  # offsets that do not give the chunk's text
    of_pdfs: int = 0
    off_page: int = 0  # no page, or none that the file has
    without_box: int = 0
    words: int = 0
    found: int = 0
    shares: list[tuple[float, str]] = field(default_factory=list)  # of words in the box; file

    @property
    def share_found(self) -> float:
        return self.found / self.words if self.words else 1.0


async def places_of(corpus: Path) -> Places:
    """Through a real pool of parsers, with the chunker's default settings."""
    places = Places()
    with tempfile.TemporaryDirectory(prefix="sluice-parse-") as scratch:
        pool = ParserPool(children=1, limits=ParseLimits(), scratch=Path(scratch))
        await pool.start()
        try:
            for path in sorted(corpus.rglob("*")):
                if path.is_file() and path.stat().st_size <= BYTES_MAX:
                    places.files += 1
                    await _look_at(pool, path, places)
        finally:
            await pool.close()
    return places


async def _look_at(pool: ParserPool, path: Path, places: Places) -> None:
    try:
        async with pool.parse(path, file_name=path.name, content_type=None) as parsing:
            blocks = [block async for batch in parsing for block in batch]
    except PipelineError as error:
        places.refused[error.code] += 1
        return
    chunker = chunker_for(ChunkSettings())
    chunks = [chunk for block in blocks for chunk in chunker.feed(block)] + list(chunker.finish())
    text = canonical_text(blocks)
    places.chunks += len(chunks)
    places.misplaced += sum(text[c.char_start : c.char_end] != c.text for c in chunks)
    if parsing.summary.media_type == "application/pdf":
        await asyncio.to_thread(_look_into_pdf, path, chunks, places)


def _look_into_pdf(path: Path, chunks: list[Chunk], places: Places) -> None:
    document = pypdfium2.PdfDocument(path)
    try:
        for chunk in chunks:
            places.of_pdfs += 1
            page, box = chunk.position.page, chunk.position.box
            if page is None or not 1 <= page <= len(document):
                places.off_page += 1
            elif box is None:
                places.without_box += 1
            else:
                words = Counter(_words(chunk.text))
                there = Counter(_words(text_in(document, page, box)))
                found = (words & there).total()
                places.words += words.total()
                places.found += found
                places.shares.append((found / max(words.total(), 1), f"{path.name} page {page}"))
    finally:
        document.close()


def text_in(document: pypdfium2.PdfDocument, number: int, box: Box) -> str:
    """PDFium's text of a box, whose corner is that of the page as it is shown."""
    page = document[number - 1]
    text_page = page.get_textpage()
    try:
        left, bottom, right, top = page.get_cropbox()
        width, height = right - left, top - bottom
        corners = [(box.left - SLACK_POINTS, box.top - SLACK_POINTS),
                   (box.right + SLACK_POINTS, box.bottom + SLACK_POINTS)]  # fmt: skip
        turned = {
            0: [(x, height - y) for x, y in corners],
            90: [(y, x) for x, y in corners],
            180: [(width - x, y) for x, y in corners],
            270: [(width - y, height - x) for x, y in corners],
        }[page.get_rotation()]
        (x1, y1), (x2, y2) = turned
        return str(
            text_page.get_text_bounded(
                left + min(x1, x2), bottom + min(y1, y2), left + max(x1, x2), bottom + max(y1, y2)
            )
        )
    finally:
        text_page.close()
        page.close()


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _BREAK.sub("", text)))
