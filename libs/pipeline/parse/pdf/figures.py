"""The pictures on a PDF's pages, as they are shown there.

A page that has some is drawn once, whatever their number and size, and they are cut out of that:
so masks, rotation and labels drawn over them come out as a reader sees them, and none is unpacked
beyond what the page shows.
"""

import ctypes
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pypdfium2
from pypdfium2 import raw

from pipeline.document import BlockKind, Box, Position, around
from pipeline.parse.album import SIDE_MIN, Album, Raster
from pipeline.parse.pdf.placed_images import PlacedImage, placed_images
from pipeline.parse.source import Draft

DPI = 150
POINTS = 72
PIXELS_MAX = 8_000_000  # of a drawn page; A4 has a quarter of it
SIDE_PIXELS_MAX = 10_000
# What PDFium would have to unpack for drawing; a page of A3 at 600 dots an inch, as for images.
SOURCE_PIXELS_MAX = 70_000_000
PAGE_SOURCE_PIXELS_MAX = 150_000_000  # of all pictures of a page: half a gigabyte
POINTS_MIN = 36.0  # half an inch: logos and bullets are smaller
TOUCHING = 1.0  # points: some programs cut a picture into strips
OVERLAP_MIN = 0.25  # of the smaller: parts of one drawing
# How far a caption stands from its picture, in points, above or below.
NEAR_POINTS = 40.0
PAGES_DRAWN_MAX = 2_000  # that turn out to show nothing, most of them
BESIDE_CHARS_MAX = 300


class Figures:
    """Of one document; called for its pages in their order. Never raises for a broken page."""

    def __init__(self, album: Album) -> None:
        self._album = album
        self._seen: set[bytes] = set()  # images of the pages before
        self._drawn = 0

    def __call__(
        self, document: pypdfium2.PdfDocument, number: int, drafts: Sequence[Draft]
    ) -> None:
        """Add the pictures of a page, which counts from 1; `drafts` are its text."""
        if not self._album.is_wanted or self._album.overflowed:
            return
        try:
            page = document[number - 1]
        except pypdfium2.PdfiumError:
            return
        try:
            self._add(page, number, drafts)
        except pypdfium2.PdfiumError:
            return
        finally:
            page.close()

    def _add(self, page: pypdfium2.PdfPage, number: int, drafts: Sequence[Draft]) -> None:
        drawing = _Drawing.of(page)
        boxes: list[Box] = []
        new: list[Box] = []  # a letterhead is on every page, and no reason to draw it again
        unpacked = 0
        for picture in placed_images(page):
            unpacked += picture.pixels
            if picture.pixels > SOURCE_PIXELS_MAX or unpacked > PAGE_SOURCE_PIXELS_MAX:
                self._album.left_out = True
                return  # drawing any of the page's pictures would unpack all of them
            boxes.append(drawing.shown(page, picture))
            if picture.digest not in self._seen:
                new.append(boxes[-1])
            self._seen.update([picture.digest] if picture.digest else [])
        found = [
            box
            for box in _joined(boxes)
            if _is_large(box) and any(_lies_in(each, box) for each in new)
        ]
        if not found:
            return
        self._drawn += 1
        if not self._album.is_open or self._drawn > PAGES_DRAWN_MAX:
            self._album.overflowed = True
            return
        raster = drawing.raster(page)
        for box in found:
            self._album.add(
                drawing.cut(raster, box), Position(page=number, box=box), near_text(box, drafts)
            )


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A page as it is drawn: `scale` pixels a point, so many columns and rows."""

    scale: float
    columns: int
    rows: int

    @classmethod
    def of(cls, page: pypdfium2.PdfPage) -> "_Drawing":
        width, height = page.get_size()
        whole = math.sqrt(PIXELS_MAX / max(width * height, 1.0))
        scale = min(DPI / POINTS, whole, SIDE_PIXELS_MAX / max(width, height, 1.0))
        return cls(scale, max(math.ceil(width * scale), 1), max(math.ceil(height * scale), 1))

    def shown(self, page: pypdfium2.PdfPage, picture: PlacedImage) -> Box:
        """Where it stands on the page as it is shown, in points; what is beyond is cut off."""
        x, y = ctypes.c_int(), ctypes.c_int()
        across: list[int] = []
        down: list[int] = []
        for corner in picture.corners:
            raw.FPDF_PageToDevice(page, 0, 0, self.columns, self.rows, 0, *corner, x, y)
            across.append(min(max(x.value, 0), self.columns))
            down.append(min(max(y.value, 0), self.rows))
        edges = (min(across), min(down), max(across), max(down))
        return Box(*(round(edge / self.scale, 2) for edge in edges))

    def raster(self, page: pypdfium2.PdfPage) -> Raster:
        bitmap = page.render(scale=self.scale, may_draw_forms=True, rev_byteorder=True)
        try:
            return np.array(bitmap.to_numpy()[:, :, :3])
        finally:
            bitmap.close()

    def cut(self, raster: Raster, box: Box) -> Raster:
        left, top, right, bottom = (
            max(round(edge * self.scale), 0) for edge in (box.left, box.top, box.right, box.bottom)
        )
        return raster[top:bottom, left:right]


def near_text(box: Box, drafts: Sequence[Draft]) -> str:
    """What stands in the picture, and its caption: what is called so, or the nearest text."""
    inside = [draft.text for draft in drafts if _lies_in(draft.position.box, box)]
    beside = sorted(
        (
            (draft.kind is not BlockKind.CAPTION, distance, at)
            for at, draft in enumerate(drafts)
            if (distance := _distance(draft.position.box, box)) is not None
        )
    )
    captions = [_nearest_part(drafts[at], box) for _, _, at in beside[:1]]
    return " ".join([*captions, *inside])


def _nearest_part(draft: Draft, box: Box) -> str:
    """Of a long text its end, if it stands above the picture, else its beginning."""
    own = draft.position.box
    is_above = own is not None and own.bottom <= (box.top + box.bottom) / 2
    return draft.text[-BESIDE_CHARS_MAX:] if is_above else draft.text[:BESIDE_CHARS_MAX]


def _lies_in(box: Box | None, outer: Box) -> bool:
    return (
        box is not None
        and outer.left <= (box.left + box.right) / 2 <= outer.right
        and outer.top <= (box.top + box.bottom) / 2 <= outer.bottom
    )


def _distance(box: Box | None, other: Box) -> float | None:
    """From a text above or below to the picture; None if it stands elsewhere, or in it."""
    if box is None or _lies_in(box, other):
        return None
    if min(box.right, other.right) <= max(box.left, other.left):
        return None
    gap = max(box.top - other.bottom, other.top - box.bottom)
    return gap if -NEAR_POINTS / 2 < gap <= NEAR_POINTS else None


def _is_large(box: Box) -> bool:
    sides = (box.right - box.left, box.bottom - box.top)
    return min(sides) >= POINTS_MIN and min(sides) * DPI / POINTS >= SIDE_MIN


def _joined(boxes: list[Box]) -> list[Box]:
    """Strips of one picture, and pictures that lie over each other, as one."""
    joined: list[Box] = []
    for box in boxes:
        current = box
        while parts := [other for other in joined if _belong_together(current, other)]:
            joined = [other for other in joined if other not in parts]
            current = around([current, *parts])
        joined.append(current)
    return sorted(joined, key=lambda each: (each.top, each.left))


def _belong_together(one: Box, other: Box) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    if across > 0 and down > 0 and across * down >= OVERLAP_MIN * min(_area(one), _area(other)):
        return True
    if abs(one.left - other.left) + abs(one.right - other.right) <= TOUCHING:
        return down >= -TOUCHING
    if abs(one.top - other.top) + abs(one.bottom - other.bottom) <= TOUCHING:
        return across >= -TOUCHING
    return False


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
