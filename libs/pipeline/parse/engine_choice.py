"""Which engine reads PDFs: docling's full pipeline where its models are, else what needs none."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooManyPages
from pipeline.parse.docling_engine import convert
from pipeline.parse.docling_models import configured
from pipeline.parse.docling_tree import Geometry, TreeWalk
from pipeline.parse.pdf import read_pdf as read_pdf_without_models
from pipeline.parse.source import Draft, Notes, Source

# With models a page takes a second or more: the first blocks are to leave the child before the
# patience with a silent one ends.
WINDOW_PAGES = 16


def read_pdf(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    models = configured()
    if models is None:
        yield from read_pdf_without_models(source, notes)
    else:
        yield from _with_models(source, notes, models)


def _with_models(source: Source, notes: Notes, models: Path) -> Iterator[Draft]:
    source.must_fit_in_memory()
    pages = _count_pages(source)
    if pages > source.limits.pages_max:
        raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")
    notes.page_count = pages
    speaking: set[int | None] = set()
    for first in range(1, pages + 1, WINDOW_PAGES):
        last = min(first + WINDOW_PAGES - 1, pages)
        tree = convert(source, pages=(first, last), models=models)
        for draft in TreeWalk(tree, Geometry()).drafts():
            if draft.text.strip():
                speaking.add(draft.position.page)
            yield draft
    if 0 < len(speaking) < pages:
        notes.warn("pages_without_text")


def _count_pages(source: Source) -> int:
    try:
        document = pypdfium2.PdfDocument(source.path)
    except pypdfium2.PdfiumError as error:
        if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise DocumentEncrypted("the file is protected by a password") from error
        raise DocumentCorrupt("the file cannot be opened as a PDF") from error
    try:
        return len(document)
    finally:
        document.close()
