"""The pictures of DOCX and PPTX files, in the order in which the document shows them.

Their place is known as far as the format tells it cheaply: the slide, and the text that stands for
the picture where it cannot be seen. Metafiles (EMF, WMF) are drawings, and no picture is made of
them.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from html import unescape
from io import BytesIO
from lzma import LZMAError
from posixpath import normpath

from PIL import Image

from pipeline.document import Position
from pipeline.errors import DocumentCorrupt, TooLarge
from pipeline.parse.album import Album, Raster
from pipeline.parse.frames import FORMATS, as_verdicts
from pipeline.parse.media_types import MediaType
from pipeline.parse.shrinking import UNREAD_PIXELS_MAX, shrunk
from pipeline.parse.source import Source

PART_BYTES_MAX = 32 * 1024 * 1024  # of a part that says where pictures stand, and of a picture
DRAWINGS_MAX = 5_000  # looked at in a part
DRAWING_BYTES_MAX = 64 * 1024  # of one that refers to a picture; charts are longer
SLIDES_MAX = 5_000
PICTURES_MAX = 1_500  # looked at; most of so many are bullets

# What the standard library raises over packages; RuntimeError is its word for a password.
_BROKEN = (zipfile.BadZipFile, OSError, ValueError, RuntimeError, EOFError, zlib.error, LZMAError)

_EMBEDDED = re.compile(rb'r:embed="([^"]{1,200})"')
_ALTERNATIVE = re.compile(rb'\bdescr="([^"]{1,2000})"')
_SLIDE = re.compile(rb'<p:sldId\b[^>]{0,500}?r:id="([^"]{1,200})"')
_RELATION = re.compile(rb"<Relationship\b[^>]{1,4000}>")
_ID = re.compile(rb'\bId="([^"]{1,200})"')
_TARGET = re.compile(rb'\bTarget="([^"]{1,1000})"')


def add_media(source: Source, texts: Mapping[int | None, str]) -> None:
    """Put the pictures into the source's album. `texts`: what to say of those of each slide.

    Never raises for a broken package: its text was read all the same.
    """
    album = source.album
    if not album.is_wanted:
        return
    try:
        with zipfile.ZipFile(source.path) as package:
            seen: set[str] = set()
            for name, position, alternative in _shown(package, source.media_type):
                if name in seen:
                    continue
                seen.add(name)
                if not album.is_open or len(seen) > PICTURES_MAX:
                    album.overflowed = True
                    return
                if (raster := _raster(_part(package, name), album)) is not None:
                    near = " ".join(filter(None, [alternative, texts.get(position.page, "")]))
                    album.add(raster, position, near)
    except _BROKEN:
        return


def _shown(package: zipfile.ZipFile, media_type: MediaType) -> Iterator[tuple[str, Position, str]]:
    """The part of each picture, where it is shown, and the text that stands for it."""
    if media_type is MediaType.DOCX:
        for name, alternative in _drawings(package, "word/document.xml", b"<w:drawing"):
            yield name, Position(), alternative
        return
    presentation = "ppt/presentation.xml"
    relations = _relations(package, presentation)
    references = dict.fromkeys(_SLIDE.findall(_part(package, presentation))[:SLIDES_MAX])
    for number, reference in enumerate(references, start=1):
        if slide := relations.get(reference):
            for name, alternative in _drawings(package, slide, b"<p:pic"):
                yield name, Position(page=number), alternative


def _drawings(package: zipfile.ZipFile, part: str, begin: bytes) -> Iterator[tuple[str, str]]:
    relations = _relations(package, part)
    for drawing in _part(package, part).split(begin, DRAWINGS_MAX + 1)[1 : DRAWINGS_MAX + 1]:
        head = drawing[:DRAWING_BYTES_MAX]
        embedded, alternative = _EMBEDDED.search(head), _ALTERNATIVE.search(head)
        target = relations.get(embedded[1]) if embedded else None
        if target is not None:
            text = alternative[1].decode("utf-8", "replace") if alternative else ""
            yield target, unescape(text)


def _relations(package: zipfile.ZipFile, part: str) -> dict[bytes, str]:
    """What the references of a part stand for, as names of other parts."""
    folder, _, name = part.rpartition("/")
    found: dict[bytes, str] = {}
    for relation in _RELATION.findall(_part(package, f"{folder}/_rels/{name}.rels")):
        key, target = _ID.search(relation), _TARGET.search(relation)
        if key and target and b'TargetMode="External"' not in relation:
            path = unescape(target[1].decode("utf-8", "replace"))
            found[key[1]] = normpath(path.lstrip("/") if path[:1] == "/" else f"{folder}/{path}")
    return found


def _part(package: zipfile.ZipFile, name: str) -> bytes:
    """Empty if there is none, or if it is beyond all measure."""
    try:
        with package.open(name) as part:
            content = part.read(PART_BYTES_MAX + 1)
    except KeyError:
        return b""
    return content if len(content) <= PART_BYTES_MAX else b""


def _raster(data: bytes, album: Album) -> Raster | None:
    try:
        with as_verdicts(), Image.open(BytesIO(data), formats=[*FORMATS.values()]) as image:
            raster, _ = shrunk(image, pixels_max=UNREAD_PIXELS_MAX)
            return raster[:, :, ::-1]  # an album has red first
    except (TooLarge, MemoryError):
        album.left_out = True
        return None
    except DocumentCorrupt:
        return None
