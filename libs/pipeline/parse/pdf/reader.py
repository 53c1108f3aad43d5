"""A PDF a window of pages at a time: lines from PDFium, tables from liteparse, drafts from both."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pypdfium2

from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooManyPages
from pipeline.parse.ocr.pages import PageCompletion
from pipeline.parse.pdf.figures import Figures
from pipeline.parse.pdf.furniture import Furniture
from pipeline.parse.pdf.lines import Page, read_page
from pipeline.parse.pdf.outline import Outline, TextStyles
from pipeline.parse.pdf.page_layout import drafts_of
from pipeline.parse.pdf.tables import Structure, may_hold_table, structures
from pipeline.parse.source import Draft, Notes, Source

# Enough to see what comes again at every page's edge; the lines of one window are held at a time.
WINDOW_PAGES = 100

UNKNOWN_SHARE_MAX = 0.3  # of characters that no font names

_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


def read_pdf(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    source.must_fit_in_memory()
    document = _open(source)
    try:
        pages = len(document)
        if pages > source.limits.pages_max:
            raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")
        notes.page_count = pages
        reading = _Document(source, document, notes)
        for first in range(1, pages + 1, WINDOW_PAGES):
            yield from reading.window(range(first, min(first + WINDOW_PAGES, pages + 1)))
        notes.all_pages_read()
    finally:
        document.close()


def _open(source: Source) -> pypdfium2.PdfDocument:
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
        self._furniture = Furniture()
        self._styles = TextStyles()
        self._outline = Outline()

    def window(self, numbers: range) -> Iterator[Draft]:
        """In the order of pages."""
        pages = [read_page(self._document, number) or Page(number, 0, 0, []) for number in numbers]
        self._furniture.learn(pages)
        self._styles.learn(pages)
        vocabulary = _vocabulary(pages)
        found = structures(
            self._named_path(), [page.number for page in pages if may_hold_table(page)]
        )
        for page in pages:
            yield from self._drafts(page, found.get(page.number, Structure()), vocabulary)

    def _named_path(self) -> Path:
        """liteparse goes by the name, which may be any."""
        path = self._source.scratch / "document.pdf"
        if not path.exists():
            path.symlink_to(self._source.path.resolve())
        return path

    def _drafts(self, page: Page, structure: Structure, vocabulary: set[str]) -> list[Draft]:
        style = self._styles.usual
        own = replace(page, lines=self._furniture.without(page, style.size))
        drafts = list(drafts_of(own, structure, self._outline, style, vocabulary))
        legible = page.unknown_share <= UNKNOWN_SHARE_MAX
        drafts, note = self._complete(self._document, page.number, drafts, legible=legible)
        self._figures(self._document, page.number, drafts)
        # A running head is text, though it is left out.
        self._notes.page_read(drafts, note, has_text=legible and bool(page.lines))
        return drafts


def _vocabulary(pages: Sequence[Page]) -> set[str]:
    """Words that stand whole within a line, those with hyphens too."""
    return {
        word.casefold()
        for page in pages
        for line in page.lines
        for word in _WORD.findall(line.text)[:-1]
    }
