"""Everything docling-rs reads as a whole: Office, OpenDocument, HTML, e-books, mail."""

from collections.abc import Iterator

from pipeline.parse.docling_engine import convert
from pipeline.parse.docling_tree import Geometry, TreeWalk
from pipeline.parse.media_types import MediaType
from pipeline.parse.source import Draft, Notes, Source

# Slides are measured in English Metric Units; a sheet's boxes count cells and are no places.
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
    yield from TreeWalk(tree, _GEOMETRY.get(source.media_type, Geometry())).drafts()
