"""A PDF a window of pages at a time: lines from PDFium, tables from liteparse, drafts from both."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pypdfium2

from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooManyPages
from pipeline.parse.ocr.layer import TextLayer, is_gibberish
from pipeline.parse.ocr.pages import PageCompletion
from pipeline.parse.pdf.figures import Figures
from pipeline.parse.pdf.furniture import Furniture, Parted
from pipeline.parse.pdf.lines import Page, read_page
from pipeline.parse.pdf.outline import Outline, TextStyles
from pipeline.parse.pdf.page_layout import drafts_of, head_draft
from pipeline.parse.pdf.tables import Structure, may_hold_table, structures
from pipeline.parse.source import Draft, Notes, Source

# The first blocks leave after the first window; then windows grow, for each is another start for
# liteparse. They are the same at every attempt: one that resumes has to cut the same chunks.
FIRST_WINDOW_PAGES = 8
WINDOW_PAGES_MAX = 64
# Pages read ahead of a window, to see what comes again at the edge of its last pages.
AHEAD_PAGES = 8
VOCABULARY_MAX = 100_000  # words; some 10 MB

UNKNOWN_SHARE_MAX = 0.3  # of characters that no font names

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def read_pdf(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    source.must_fit_in_memory()
    document = opened(source)
    try:
        pages = len(document)
        if pages > source.limits.pages_max:
            raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")
        notes.page_count = pages
        reading = _Document(source, document, notes)
        for window in windows(pages):
            yield from reading.window(window)
        notes.all_pages_read()
    finally:
        document.close()


def windows(pages: int) -> Iterator[range]:
    """Runs of page numbers, from 1, each twice as long as the one before up to the longest."""
    first, length = 1, FIRST_WINDOW_PAGES
    while first <= pages:
        yield range(first, min(first + length, pages + 1))
        first, length = first + length, min(2 * length, WINDOW_PAGES_MAX)


def opened(source: Source) -> pypdfium2.PdfDocument:
    """Raises DocumentEncrypted and DocumentCorrupt."""
    try:
        return pypdfium2.PdfDocument(source.path)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise DocumentEncrypted("the file is protected by a password") from error
        raise DocumentCorrupt("the file cannot be opened as a PDF") from error


class _Document:
    """What is known of a document from the pages read so far."""

    def __init__(self, source: Source, document: pypdfium2.PdfDocument, notes: Notes) -> None:
        self._source = source
        self._document = document
        self._complete = PageCompletion(source)
        self._figures = Figures(source.album)
        self._notes = notes
        self._read = 0  # the last page that was read
        self._furniture = Furniture()
        self._styles = TextStyles()
        self._outline = Outline()
        self._vocabulary: set[str] = set()
        self._ahead: list[Page] = []  # read and learnt, not yet written

    def window(self, numbers: range) -> Iterator[Draft]:
        """In the order of pages."""
        self._read_to(min(numbers.stop + AHEAD_PAGES, len(self._document) + 1))
        pages, self._ahead = self._ahead[: len(numbers)], self._ahead[len(numbers) :]
        found = structures(
            self._named_path(), [page.number for page in pages if may_hold_table(page)]
        )
        for page in pages:
            yield from self._drafts(page, found.get(page.number, Structure()))
            self._source.show_life()

    def _read_to(self, end: int) -> None:
        """Pages before `end` that have not been read yet."""
        begin = self._read + 1
        pages: list[Page] = []
        for number in range(begin, end):
            pages.append(read_page(self._document, number) or Page(number, 0, 0, []))
            self._source.show_life()
        self._read = max(self._read, end - 1)
        self._furniture.learn(pages)
        self._styles.learn(pages)
        if len(self._vocabulary) < VOCABULARY_MAX:
            self._vocabulary |= _vocabulary(pages)
        self._ahead += pages

    def _named_path(self) -> Path:
        """liteparse goes by the name, which may be any."""
        path = self._source.scratch / "document.pdf"
        if not path.exists():
            path.symlink_to(self._source.path.resolve())
        return path

    def _drafts(self, page: Page, structure: Structure) -> list[Draft]:
        layer = self._layer(page, structure)
        drafts, note = self._complete(
            self._document, page.number, layer, picture_share=page.picture_share
        )
        self._figures(self._document, page.number, drafts)
        # A running head is text, though it is left out.
        has_text = layer.sound is None and bool(page.lines)
        self._notes.page_read(drafts, note, has_text=has_text)
        return drafts

    def _layer(self, page: Page, structure: Structure) -> TextLayer:
        style = self._styles.usual
        parted = self._furniture.parted(page, style.size)
        is_legible = page.unknown_share <= UNKNOWN_SHARE_MAX
        outline = self._outline if is_legible else self._outline.copy()
        drafts = self._written(page, parted, structure, outline)
        if is_legible and not is_gibberish("".join(draft.text for draft in drafts)):
            return TextLayer(drafts)
        lines = [line for line in parted.text if not is_gibberish(line.text)]
        sound = self._written(page, Parted(lines), structure, self._outline)
        return TextLayer(drafts, sound, [line.box for line in lines])

    def _written(
        self, page: Page, parted: Parted, structure: Structure, outline: Outline
    ) -> list[Draft]:
        own = replace(page, lines=parted.text)
        drafts = [head_draft(page, line, outline) for line in parted.heads]
        drafts += drafts_of(own, structure, outline, self._styles.usual, self._vocabulary)
        return drafts + [head_draft(page, line, outline) for line in parted.feet]


def _vocabulary(pages: Sequence[Page]) -> set[str]:
    """Words that stand whole within a line, those with hyphens too."""
    return {
        word.casefold()
        for page in pages
        for line in page.lines
        for word in _WORD.findall(line.text)[:-1]
    }
