"""The frames of an image file, each opened by itself, so that a broken one costs nobody else.

A TIFF is a chain of directories, one a frame. Where Pillow cannot follow it, or cannot begin with
it, the frame is read from a copy in memory that begins with its directory.
"""

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from pipeline.errors import DocumentCorrupt, TooLarge, TooManyPages
from pipeline.parse.media_types import MediaType
from pipeline.parse.ocr.raster import Raster
from pipeline.parse.shrinking import shrunk
from pipeline.parse.source import Source

# What Pillow calls the type; nothing else is tried, whatever the bytes look like.
FORMATS = {
    MediaType.PNG: "PNG",
    MediaType.JPEG: "JPEG",
    MediaType.TIFF: "TIFF",
    MediaType.WEBP: "WEBP",
    MediaType.BMP: "BMP",
    MediaType.GIF: "GIF",
}
_BIG = 43  # in place of 42: numbers of eight bytes
_ENTRIES_MAX = 0xFFFF  # of a directory; an ordinary one cannot count further


class Frames:
    """Of one file. Of what moves, a GIF say, the first alone."""

    def __init__(self, source: Source) -> None:
        """Raises TooManyPages and DocumentCorrupt."""
        self._source = source
        self._places = [0]
        if source.media_type is MediaType.TIFF:
            self._places = _directories(source.path, source.limits.pages_max + 1) or [0]
        if len(self._places) > source.limits.pages_max:
            raise TooManyPages(f"a document may have at most {source.limits.pages_max} pages")

    @property
    def count(self) -> int:
        return len(self._places)

    def raster(self, page: int, *, pixels_max: int | None = None) -> tuple[Raster, float]:
        """The frame, counted from 1, upright; and how many of its pixels one of the raster is.
        It may have so many as the limits say, and `pixels_max` at most.

        Raises DocumentCorrupt, TooLarge and MemoryError.
        """
        most = self._source.limits.image_pixels_max
        most = most if pixels_max is None else min(most, pixels_max)
        try:
            with as_verdicts(), self._opened(self._source.path) as image:
                image.seek(page - 1)
                return shrunk(image, pixels_max=most)
        except DocumentCorrupt:
            if self.count == 1:
                raise
        content = bytearray(self._source.path.read_bytes())
        _begin_with(content, self._places[page - 1])
        with as_verdicts(), self._opened(io.BytesIO(content)) as image:
            return shrunk(image, pixels_max=most)

    def _opened(self, file: Path | io.BytesIO) -> Image.Image:
        return Image.open(file, formats=[FORMATS[self._source.media_type]])


class _Layout:
    """How a TIFF writes its numbers; struct.error for what is none."""

    def __init__(self, header: bytes) -> None:
        self._order = "<" if header[:2] == b"II" else ">"
        (version,) = struct.unpack_from(self._order + "H", header, 2)
        self.is_big = version == _BIG
        self.begin = 8 if self.is_big else 4  # of the place of the first directory
        self.entry_bytes = 20 if self.is_big else 12

    def place(self, data: bytes) -> int:
        (place,) = struct.unpack(self._order + ("Q" if self.is_big else "I"), data)
        return int(place)

    def count(self, data: bytes) -> int:
        (count,) = struct.unpack(self._order + ("Q" if self.is_big else "H"), data)
        return int(count)

    def place_bytes(self, place: int) -> bytes:
        return struct.pack(self._order + ("Q" if self.is_big else "I"), place)


def _directories(path: Path, most: int) -> list[int]:
    """Where those of a TIFF begin, in their order, up to the first that has no end."""
    found: dict[int, None] = {}
    with path.open("rb") as file, contextlib.suppress(struct.error, OSError, OverflowError):
        header = file.read(16)
        layout = _Layout(header)
        long = 8 if layout.is_big else 4
        place = layout.place(header[layout.begin : layout.begin + long])
        while place and place not in found and len(found) < most:
            found[place] = None
            file.seek(place)
            entries = layout.count(file.read(8 if layout.is_big else 2))
            if entries > _ENTRIES_MAX:
                break
            file.seek(entries * layout.entry_bytes, io.SEEK_CUR)
            place = layout.place(file.read(long))
    return list(found)


def _begin_with(content: bytearray, place: int) -> None:
    layout = _Layout(bytes(content[:16]))
    first = layout.place_bytes(place)
    content[layout.begin : layout.begin + len(first)] = first


@contextlib.contextmanager
def as_verdicts() -> Iterator[None]:
    """Whatever Pillow raises over a file, as what it says of the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (TooLarge, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise TooLarge("the image unpacks to more pixels than are read") from error
    except Exception as error:  # its plugins raise anything, down to SyntaxError
        raise DocumentCorrupt("the file cannot be read as an image") from error
