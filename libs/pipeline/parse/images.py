"""Images as documents: text that is recognised, a frame of a TIFF a page.

Of what moves, a GIF say, the first frame is read.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from pipeline.document import Box, PageNote, PageReason, Position
from pipeline.errors import DocumentCorrupt, TooLarge, TooManyPages
from pipeline.parse.media_types import MediaType
from pipeline.parse.ocr.ink import CONTRAST_MIN
from pipeline.parse.ocr.pictures import Pictures
from pipeline.parse.source import Draft, Notes, Source

# What Pillow calls the type; nothing else is tried, whatever the bytes look like.
FORMATS = {
    MediaType.PNG: "PNG",
    MediaType.JPEG: "JPEG",
    MediaType.TIFF: "TIFF",
    MediaType.WEBP: "WEBP",
    MediaType.BMP: "BMP",
    MediaType.GIF: "GIF",
}
# A page of A3 at 200 dots an inch. What is larger is scaled down before it is read.
READ_PIXELS_MAX = 16_000_000
PAPER = "white"  # behind what is transparent
# Of an image that is not recognised, and so has no more memory than other documents.
UNREAD_PIXELS_MAX = 25_000_000


def read_image(source: Source, notes: Notes) -> Iterator[Draft]:
    """Raises TooLarge, TooManyPages and DocumentCorrupt."""
    source.must_fit_in_memory()
    pictures = Pictures(source)
    with _opened(source) as image:
        pages = _frames(image, source)
        notes.page_count = pages
        broken = 0
        for page in range(1, pages + 1):
            drafts, note = _read(image, source, page, pictures)
            broken += note.reason is PageReason.UNREADABLE
            if broken == pages:
                raise DocumentCorrupt("the file cannot be read as an image")
            notes.page_read(drafts, note)
            yield from drafts
        notes.all_pages_read()


def _read(
    image: Image.Image, source: Source, page: int, pictures: Pictures
) -> tuple[list[Draft], PageNote]:
    refusal = pictures.refusal
    if refusal is not None and not source.album.is_open:
        source.album.overflowed |= source.album.is_wanted
        return [], PageNote(page, refusal)
    if refusal is None:
        pictures.begin()
    try:
        with as_verdicts():
            image.seek(page - 1)
            if refusal is not None and image.width * image.height > UNREAD_PIXELS_MAX:
                source.album.left_out = True
                return [], PageNote(page, refusal)
            raster, shrunk = _raster(image, source)
    except (DocumentCorrupt, EOFError):
        return [], PageNote(page, PageReason.UNREADABLE)
    if int(raster.max()) - int(raster.min()) < CONTRAST_MIN:
        return [], PageNote(page, PageReason.BLANK)
    if refusal is None:
        read = pictures.read(raster, page, points_per_pixel=shrunk)
        drafts, note = read.drafts, read.note
    else:
        drafts, note = [], PageNote(page, refusal)
    rows, columns = raster.shape[:2]
    whole = Box(0.0, 0.0, round(columns * shrunk, 2), round(rows * shrunk, 2))
    near = " ".join(draft.text for draft in drafts)
    source.album.add(raster[:, :, ::-1], Position(page=page, box=whole), near)
    return drafts, note


def _opened(source: Source) -> Image.Image:
    with as_verdicts():
        return Image.open(source.path, formats=[FORMATS[source.media_type]])


def _frames(image: Image.Image, source: Source) -> int:
    """How many pages there are; each is found, none is unpacked."""
    if source.media_type is not MediaType.TIFF:
        return 1
    frames, pages_max = 1, source.limits.pages_max
    with contextlib.suppress(EOFError), as_verdicts():
        while frames <= pages_max:
            image.seek(frames)
            frames += 1
    if frames > pages_max:
        raise TooManyPages(f"a document may have at most {pages_max} pages")
    return frames


def _raster(image: Image.Image, source: Source) -> tuple[Any, float]:
    """The frame, upright, as `ocr` takes it; and how many of its pixels one of the raster is."""
    pixels = image.width * image.height
    if pixels > source.limits.image_pixels_max:
        raise TooLarge(f"an image may have at most {source.limits.image_pixels_max} pixels")
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    upright = in_colour(image)
    shrunk = max((pixels / READ_PIXELS_MAX) ** 0.5, 1.0)
    if shrunk > 1:
        size = (round(upright.width / shrunk), round(upright.height / shrunk))
        upright = upright.resize(size, Image.Resampling.BOX)
    return np.asarray(upright)[:, :, ::-1], shrunk


def in_colour(image: Image.Image) -> Image.Image:
    """In red, green and blue, eight bits each, on paper where it is transparent."""
    if image.mode.startswith(("I", "F")):  # sixteen bits and more: `convert` would cut them off
        pixels = np.asarray(image, np.float32)
        darkest, span = pixels.min(), max(float(np.ptp(pixels)), 1.0)
        levels = ((pixels - darkest) * (255 / span)).astype(np.uint8)
        return Image.fromarray(levels).convert("RGB")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        paper = Image.new("RGBA", shown.size, PAPER)
        return Image.alpha_composite(paper, shown).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


@contextlib.contextmanager
def as_verdicts() -> Iterator[None]:
    """Whatever Pillow raises over a file, as what it says of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (TooLarge, EOFError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("the image unpacks to more pixels than are read") from error
    except Exception as error:  # its plugins raise anything, down to SyntaxError
        raise DocumentCorrupt("the file cannot be read as an image") from error
