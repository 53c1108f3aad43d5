"""Pages of a PDF whose text layer is missing, or too thin for what they show: recognised.

A page is drawn small first, and the marks on it that may be writing are compared with the boxes of
its text layer. Most pages need not even that: they have text enough and no large picture.
"""

import ctypes
import math
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw

from pipeline.document import Box, PageNote, PageReason
from pipeline.parse.ocr import ink
from pipeline.parse.ocr.layer import TextLayer, merged
from pipeline.parse.ocr.picture_share import picture_share
from pipeline.parse.ocr.pictures import Pictures
from pipeline.parse.source import Draft, Source

DPI = 200
POINTS = 72
# A page of A3; what is larger is drawn with fewer dots. Three bytes each, and some copies.
PIXELS_MAX = 16_000_000
SMALL_PIXELS_MAX = 2_000_000
SIDE_PIXELS_MAX = 20_000
# A page of so many characters is not empty; one with a picture of so much of it may still be a
# scan with a stamp or a line below it.
ENOUGH_CHARACTERS = 200
PICTURE_SHARE = 0.4
# The text layer is too thin if it lacks more than half of the marks, and more than a logo has.
UNCOVERED_SHARE = 0.5
UNCOVERED_MARKS = 20
RECTANGLES_MAX = 20_000  # a dense page has some thousand
# What drawing a page and looking at what was drawn may end in.
BROKEN = (pypdfium2.PdfiumError, cv2.error, struct.error, MemoryError, ValueError, OSError)
FINE = 10  # PDFium gives places in whole numbers: of tenths of a point


@dataclass(frozen=True, slots=True)
class Look:
    """How a page that may lack text looks: nothing is on it, or the share of its marks that no box
    of its text layer covers, or enough of them to have it recognised."""

    blank: bool
    uncovered_share: float
    thin: bool
    boxes: list[Box]


def look_at(page: pypdfium2.PdfPage, text: str, *, known: list[Box] | None = None) -> Look | None:
    """None for a page that has enough `text` and no large picture; it is not even drawn.

    `known` are the places of a layer that is legible in part only. Raises what `BROKEN` names.
    """
    if known is None and _is_enough(text) and picture_share(page) < PICTURE_SHARE:
        return None
    # Also of what was left out of the text, such as a page number.
    boxes = _text_boxes(page) if known is None else known
    seen = _ink(page, boxes)
    thin = seen.uncovered_share > UNCOVERED_SHARE and seen.uncovered >= UNCOVERED_MARKS
    lacking = known is not None or thin or not boxes
    return Look(seen.blank, round(seen.uncovered_share, 3), lacking, boxes)


def _is_enough(text: str) -> bool:
    return len("".join(text.split())) >= ENOUGH_CHARACTERS


class PageCompletion:
    """Of one document; called for its pages in their order."""

    def __init__(self, source: Source) -> None:
        self._pictures = Pictures(source)

    def __call__(
        self,
        document: pypdfium2.PdfDocument,
        page_number: int,
        layer: TextLayer,
        *,
        picture_share: float | None = None,
    ) -> tuple[list[Draft], PageNote | None]:
        """The drafts of the page, which counts from 1, and what is to be said of it.

        `picture_share` is of the page, if it is known: then most pages are not even opened.

        A page whose text layer is fine comes back as it was. Never raises for a broken page. Of a
        layer that is not legible the sound lines stay, and the others are recognised.
        """
        has_few = picture_share is not None and picture_share < PICTURE_SHARE
        if has_few and layer.sound is None and _is_enough(layer.text):
            return layer.drafts, None
        try:
            page = document[page_number - 1]
        except pypdfium2.PdfiumError:
            unreadable = PageNote(page_number, PageReason.UNREADABLE)
            return layer.drafts, None if layer.drafts else unreadable
        try:
            return self._complete(page, page_number, layer)
        except BROKEN:
            return layer.drafts, PageNote(page_number, PageReason.UNREADABLE)
        finally:
            page.close()

    def _complete(
        self, page: pypdfium2.PdfPage, number: int, layer: TextLayer
    ) -> tuple[list[Draft], PageNote | None]:
        drafts, legible = layer.drafts, layer.sound is None
        look = look_at(page, layer.text, known=None if legible else layer.boxes)
        if look is None:
            return drafts, None
        if look.blank and not drafts:
            return [], PageNote(number, PageReason.BLANK)
        if not look.thin:
            return drafts, None
        share = look.uncovered_share
        if self._pictures.refusal is not None:
            return drafts, PageNote(number, self._pictures.refusal, uncovered=share)
        self._pictures.begin()
        scale = _scale(page, DPI, PIXELS_MAX)
        read = self._pictures.read(
            _drawn(page, scale),
            number,
            points_per_pixel=1 / scale,
            known=look.boxes,
            uncovered=share,
        )
        if not read.drafts:
            return drafts, read.note if not drafts or not legible else None
        return merged(drafts if layer.sound is None else layer.sound, read.drafts), read.note


def _text_boxes(page: pypdfium2.PdfPage) -> list[Box]:
    """Of the text layer, in points from the top left of the page as it is shown."""
    layer = page.get_textpage()
    try:
        corners = (layer.get_rect(at) for at in range(min(layer.count_rects(), RECTANGLES_MAX)))
        return [_shown(page, *corner) for corner in corners]
    finally:
        layer.close()


def _shown(page: pypdfium2.PdfPage, left: float, bottom: float, right: float, top: float) -> Box:
    """From the page's own coordinates, which know neither its rotation nor its margins."""
    width, height = page.get_size()
    canvas = (0, 0, max(round(width * FINE), 1), max(round(height * FINE), 1), 0)
    points = []
    for corner in ((left, bottom), (right, top)):
        x, y = ctypes.c_int(), ctypes.c_int()
        raw.FPDF_PageToDevice(page, *canvas, *corner, x, y)
        points.append((x.value / FINE, y.value / FINE))
    (x0, y0), (x1, y1) = points
    return Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))


def _ink(page: pypdfium2.PdfPage, boxes: list[Box]) -> ink.Ink:
    scale = _scale(page, ink.DPI, SMALL_PIXELS_MAX)
    covered = (
        tuple(edge * scale for edge in (box.left, box.top, box.right, box.bottom)) for box in boxes
    )
    return ink.ink_of(_drawn(page, scale, gray=True), covered)


def _scale(page: pypdfium2.PdfPage, dpi: int, pixels_max: int) -> float:
    """Pixels a point: as many as asked for, as long as the page has no more than it may."""
    width, height = page.get_size()
    whole = math.sqrt(pixels_max / max(width * height, 1.0))
    longest = SIDE_PIXELS_MAX / max(width, height, 1.0)  # a strip is a pixel wide at least
    return float(min(dpi / POINTS, whole, longest))


def _drawn(page: pypdfium2.PdfPage, scale: float, *, gray: bool = False) -> NDArray[np.uint8]:
    """Rows, columns and, unless gray, three channels; a copy of PDFium's own."""
    bitmap = page.render(scale=scale, grayscale=gray, may_draw_forms=True)
    try:
        pixels = bitmap.to_numpy()
        return np.array(pixels if gray else pixels[:, :, :3])
    finally:
        bitmap.close()
