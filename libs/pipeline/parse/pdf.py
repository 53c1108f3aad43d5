"""PDF text, a window of pages at a time: paragraphs with page and box.

docling-rs finds the paragraphs; a page it finds nothing on is read again with PDFium, which reads
some fonts that it does not.
"""

from collections.abc import Iterator

import pypdfium2

from pipeline.document import Box, Position
from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooManyPages
from pipeline.parse.docling_engine import convert
from pipeline.parse.docling_tree import Geometry, TreeWalk
from pipeline.parse.ocr.pages import PageCompletion
from pipeline.parse.source import Draft, Notes, Source

# Opening the file anew for each window costs some seconds a thousand pages; one window for all
# would hold the tree of all.
WINDOW_PAGES = 400


def read_pdf(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    source.must_fit_in_memory()
    document = _open(source)
    try:
        pages = len(document)
        if pages > source.limits.pages_max:
            raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")
        notes.page_count = pages
        complete = PageCompletion(source)
        for first in range(1, pages + 1, WINDOW_PAGES):
            window = range(first, min(first + WINDOW_PAGES, pages + 1))
            by_page = _paragraphs(source, window)
            for page in window:
                drafts = by_page.get(page) or list(_page_text(document, page))
                drafts, note = complete(document, page, drafts)
                notes.page_read(drafts, note)
                yield from drafts
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


def _paragraphs(source: Source, window: range) -> dict[int, list[Draft]]:
    by_page: dict[int, list[Draft]] = {}
    try:
        tree = convert(source, pages=(window.start, window.stop - 1))
    except DocumentCorrupt:
        return by_page  # PDFium opened it, so its pages are still to be had
    for draft in TreeWalk(tree, Geometry()).drafts():
        page = draft.position.page
        if page is not None and draft.text.strip():
            by_page.setdefault(page, []).append(draft)
    return by_page


def _page_text(document: pypdfium2.PdfDocument, number: int) -> Iterator[Draft]:
    """The page's text as PDFium sees it, one draft in the box that holds it all."""
    try:
        page = document[number - 1]
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        return  # one broken page does not cost the others
    try:
        text = text_page.get_text_bounded()
        if not text.strip():
            return
        rectangles = [text_page.get_rect(at) for at in range(text_page.count_rects())]
        height = page.get_height()
        box = None
        if rectangles:
            left, bottom, right, top = zip(*rectangles, strict=True)
            box = Box(
                round(min(left), 2),
                round(height - max(top), 2),
                round(max(right), 2),
                round(height - min(bottom), 2),
            )
        yield Draft(text, position=Position(page=number, box=box))
    finally:
        text_page.close()
        page.close()
