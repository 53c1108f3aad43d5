"""PDFs through docling's full pipeline: layout, tables, and text in pictures where a page needs it.

Which pages are recognised is decided as it is without models, by what of their marks the text layer
covers: so the same switch, the same limits and the same notes hold.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pypdfium2

from pipeline.document import PageNote, PageReason
from pipeline.errors import TooManyPages
from pipeline.parse.docling_engine import convert
from pipeline.parse.docling_tree import Geometry, TreeWalk
from pipeline.parse.ocr.layer import is_gibberish
from pipeline.parse.ocr.pages import BROKEN, look_at
from pipeline.parse.ocr.pictures import Pictures
from pipeline.parse.pdf.reader import opened
from pipeline.parse.source import Draft, Notes, Source

# With models a page takes a second or more: the first blocks are to leave the child before the
# patience with a silent one ends.
WINDOW_PAGES = 8


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be done with a page, and what is to be said of it if that goes well."""

    number: int
    recognise: bool = False
    note: PageNote | None = None


def read_pdf_by_models(source: Source, notes: Notes, models: Path) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages, DocumentEncrypted and DocumentCorrupt."""
    source.must_fit_in_memory()
    document = opened(source)
    try:
        pages = len(document)
        if pages > source.limits.pages_max:
            raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")
        notes.page_count = pages
        pictures = Pictures(source)
        for first in range(1, pages + 1, WINDOW_PAGES):
            numbers = range(first, min(first + WINDOW_PAGES, pages + 1))
            plans = (_plan(document, number, pictures) for number in numbers)
            for recognise, run in groupby(plans, key=lambda plan: plan.recognise):
                yield from _window(source, notes, models, list(run), recognise=recognise)
        notes.all_pages_read()
    finally:
        document.close()


def _plan(document: pypdfium2.PdfDocument, number: int, pictures: Pictures) -> _Plan:
    """Makes room for a page that is recognised, and counts it."""
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError:
        return _Plan(number, note=PageNote(number, PageReason.UNREADABLE))
    try:
        layer = page.get_textpage()
        try:
            text = layer.get_text_range()
        finally:
            layer.close()
        look = look_at(page, text, known=[] if is_gibberish(text) else None)
    except BROKEN:
        return _Plan(number, note=PageNote(number, PageReason.UNREADABLE))
    finally:
        page.close()
    if look is None or (not look.thin and not look.blank):
        return _Plan(number)
    if look.blank:
        return _Plan(number, note=None if text.strip() else PageNote(number, PageReason.BLANK))
    if pictures.refusal is not None:
        refused = PageNote(number, pictures.refusal, uncovered=look.uncovered_share)
        return _Plan(number, note=refused)
    pictures.begin()
    recognised = PageNote(number, PageReason.OCR, uncovered=look.uncovered_share)
    return _Plan(number, recognise=True, note=recognised)


def _window(
    source: Source, notes: Notes, models: Path, plans: list[_Plan], *, recognise: bool
) -> Iterator[Draft]:
    """Of pages that follow each other and are read alike."""
    window = plans[0].number, plans[-1].number
    tree = convert(source, pages=window, models=models, recognise=recognise)
    drafts = list(TreeWalk(tree, Geometry()).drafts())
    source.show_life()
    of_page: dict[int | None, list[Draft]] = defaultdict(list)
    for draft in drafts:
        of_page[draft.position.page].append(draft)
    for plan in plans:
        own, note = of_page[plan.number], plan.note
        if recognise and not any(draft.text.strip() for draft in own):
            note = PageNote(plan.number, PageReason.NO_TEXT)
        notes.page_read(own, note)
    yield from drafts
