"""Everything docling-rs reads as a whole: Office, OpenDocument, HTML, e-books, mail."""

from collections.abc import Iterator

from pipeline.parse.docling_engine import convert
from pipeline.parse.docling_tree import Geometry, TreeWalk
from pipeline.parse.media_types import MediaType
from pipeline.parse.office_media import add_media
from pipeline.parse.source import Draft, Notes, Source

# Slides are measured in English Metric Units; a sheet's boxes count cells and are no places.
SLIDE_TEXT_CHARS = 200  # of a slide, to be said of its pictures

_GEOMETRY = {
    MediaType.PPTX: Geometry(points_per_unit=1 / 12_700),
    MediaType.XLSX: Geometry(points_per_unit=None),
    MediaType.XLS: Geometry(points_per_unit=None),
    MediaType.ODS: Geometry(points_per_unit=None),
}


def read_office(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, DocumentEncrypted and DocumentCorrupt."""
    source.must_fit_in_memory()
    tree = convert(source)
    notes.page_count = len(tree.get("pages", ())) or None
    texts: dict[int | None, str] = {}  # how each slide begins
    for draft in TreeWalk(tree, _GEOMETRY.get(source.media_type, Geometry())).drafts():
        if draft.position.page is not None:
            texts.setdefault(draft.position.page, draft.text[:SLIDE_TEXT_CHARS])
        yield draft
    if source.media_type in (MediaType.DOCX, MediaType.PPTX):
        add_media(source, texts)
