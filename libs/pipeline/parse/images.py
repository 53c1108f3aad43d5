"""Images as documents: text that is recognised, a frame of a TIFF a page."""

from collections.abc import Iterator

from pipeline.document import PageNote, PageReason
from pipeline.errors import DocumentCorrupt, TooLarge
from pipeline.parse.frames import Frames
from pipeline.parse.ocr.ink import CONTRAST_MIN
from pipeline.parse.ocr.pictures import Pictures
from pipeline.parse.ocr.raster import Raster
from pipeline.parse.source import Draft, Notes, Source


def read_image(source: Source, notes: Notes) -> Iterator[Draft]:
    """A frame that cannot be read costs a note; if there is no other, it raises what was wrong:
    TooLarge, DocumentCorrupt or MemoryError. Raises TooManyPages too."""
    source.must_fit_in_memory()
    frames, pictures = Frames(source), Pictures(source)
    notes.page_count = frames.count
    broken = 0
    for page in range(1, frames.count + 1):
        if pictures.refusal is not None:
            notes.page_read([], PageNote(page, pictures.refusal))
            continue
        pictures.begin()
        try:
            raster, shrunk = frames.raster(page)
        except (DocumentCorrupt, TooLarge, MemoryError):
            broken += 1
            if broken == frames.count:
                raise
            notes.page_read([], PageNote(page, PageReason.UNREADABLE))
            continue
        drafts, note = _read(raster, shrunk, page, pictures)
        notes.page_read(drafts, note)
        yield from drafts
    notes.all_pages_read()


def _read(
    raster: Raster, shrunk: float, page: int, pictures: Pictures
) -> tuple[list[Draft], PageNote]:
    if int(raster.max()) - int(raster.min()) < CONTRAST_MIN:
        return [], PageNote(page, PageReason.BLANK)
    read = pictures.read(raster, page, points_per_pixel=shrunk)
    return read.drafts, read.note
