"""Images as documents: text that is recognised, a frame of a TIFF a page."""

from collections.abc import Iterator

from pipeline.document import Box, PageNote, PageReason, Position
from pipeline.errors import DocumentCorrupt, TooLarge
from pipeline.parse.album import Album
from pipeline.parse.frames import Frames
from pipeline.parse.ocr.ink import CONTRAST_MIN
from pipeline.parse.ocr.pictures import Pictures
from pipeline.parse.ocr.raster import Raster
from pipeline.parse.shrinking import UNREAD_PIXELS_MAX
from pipeline.parse.source import Draft, Notes, Source


def read_image(source: Source, notes: Notes) -> Iterator[Draft]:
    """A frame that cannot be read costs a note; if there is no other, it raises what was wrong:
    TooLarge, DocumentCorrupt or MemoryError. Raises TooManyPages too."""
    source.must_fit_in_memory()
    frames, pictures = Frames(source), Pictures(source)
    notes.page_count = frames.count
    broken = 0
    for page in range(1, frames.count + 1):
        refusal, drafts = pictures.refusal, list[Draft]()
        try:
            if refusal is None:
                pictures.begin()
                raster, shrunk = frames.raster(page)
            else:
                note = _show(frames, page, refusal, source.album)
        except (DocumentCorrupt, TooLarge, MemoryError):
            broken += 1
            if broken == frames.count:
                raise
            notes.page_read([], PageNote(page, PageReason.UNREADABLE))
            continue
        if refusal is None:
            drafts, note = _read(raster, shrunk, page, pictures, source.album)
        notes.page_read(drafts, note)
        yield from drafts
    notes.all_pages_read()


def _read(
    raster: Raster, shrunk: float, page: int, pictures: Pictures, album: Album
) -> tuple[list[Draft], PageNote]:
    if _is_blank(raster):
        return [], PageNote(page, PageReason.BLANK)
    read = pictures.read(raster, page, points_per_pixel=shrunk)
    _add(album, raster, shrunk, page, " ".join(draft.text for draft in read.drafts))
    return read.drafts, read.note


def _show(frames: Frames, page: int, refusal: PageReason, album: Album) -> PageNote:
    """A frame whose text is not recognised, for the album alone; raises DocumentCorrupt."""
    if not album.is_open:
        album.overflowed |= album.is_wanted
        return PageNote(page, refusal)
    try:
        raster, shrunk = frames.raster(page, pixels_max=UNREAD_PIXELS_MAX)
    except (TooLarge, MemoryError):
        album.left_out = True
        return PageNote(page, refusal)
    if _is_blank(raster):
        return PageNote(page, PageReason.BLANK)
    _add(album, raster, shrunk, page, "")
    return PageNote(page, refusal)


def _add(album: Album, raster: Raster, shrunk: float, page: int, near: str) -> None:
    """The raster is blue, green, red; an album has them the other way round."""
    rows, columns = raster.shape[:2]
    whole = Box(0.0, 0.0, round(columns * shrunk, 2), round(rows * shrunk, 2))
    album.add(raster[:, :, ::-1], Position(page=page, box=whole), near)


def _is_blank(raster: Raster) -> bool:
    return int(raster.max()) - int(raster.min()) < CONTRAST_MIN
