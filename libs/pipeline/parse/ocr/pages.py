"""Pages of a PDF whose text layer is missing, or too thin for what they show: recognised.

A page is drawn small first, and the marks on it that may be writing are compared with the boxes of
its text layer. Most pages need not even that: they have text enough and no large picture.
"""

import ctypes
import math
import struct
import unicodedata
from itertools import islice

import cv2
import numpy as np
import pypdfium2
from numpy.typing import NDArray
from pypdfium2 import raw

from pipeline.document import Box, PageNote, PageReason
from pipeline.parse.ocr import ink
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
GIBBERISH_SHARE = 0.2  # of characters that are none: the font does not tell what its glyphs mean
_NO_CHARACTERS = frozenset({"Cc", "Cn", "Co", "Cs"})
PICTURES_LOOKED_AT = 500
RECTANGLES_MAX = 20_000  # a dense page has some thousand
# What drawing a page and looking at what was drawn may end in.
_BROKEN = (pypdfium2.PdfiumError, cv2.error, struct.error, MemoryError, ValueError, OSError)
FINE = 10  # PDFium gives places in whole numbers: of tenths of a point


class PageCompletion:
    """Of one document; called for its pages in their order."""

    def __init__(self, source: Source) -> None:
        self._pictures = Pictures(source)

    def __call__(
        self,
        document: pypdfium2.PdfDocument,
        page_number: int,
        drafts: list[Draft],
        *,
        legible: bool = True,
    ) -> tuple[list[Draft], PageNote | None]:
        """The drafts of the page, which counts from 1, and what is to be said of it.

        A page whose text layer is fine comes back as it was. Never raises for a broken page. Of a
        layer that is not legible only what cannot be had by recognition is kept.
        """
        try:
            page = document[page_number - 1]
        except pypdfium2.PdfiumError:
            return drafts, None if drafts else PageNote(page_number, PageReason.UNREADABLE)
        try:
            return self._complete(page, page_number, drafts, legible=legible)
        except _BROKEN:
            return drafts, PageNote(page_number, PageReason.UNREADABLE)
        finally:
            page.close()

    def _complete(
        self, page: pypdfium2.PdfPage, number: int, drafts: list[Draft], *, legible: bool
    ) -> tuple[list[Draft], PageNote | None]:
        text = "".join(draft.text for draft in drafts)
        legible = legible and not is_gibberish(text)
        characters = len("".join(text.split()))
        if legible and characters >= ENOUGH_CHARACTERS and _picture_share(page) < PICTURE_SHARE:
            return drafts, None
        # Also of what was left out of the drafts, such as a page number.
        boxes = _text_boxes(page) if legible else []
        seen = _ink(page, boxes)
        if seen.blank and not drafts:
            return [], PageNote(number, PageReason.BLANK)
        thin = seen.uncovered_share > UNCOVERED_SHARE and seen.uncovered >= UNCOVERED_MARKS
        if boxes and not thin:
            return drafts, None
        share = round(seen.uncovered_share, 3)
        if self._pictures.refusal is not None:
            return drafts, PageNote(number, self._pictures.refusal, uncovered=share)
        self._pictures.begin()
        scale = _scale(page, DPI, PIXELS_MAX)
        read = self._pictures.read(
            _drawn(page, scale),
            number,
            points_per_pixel=1 / scale,
            known=boxes,
            uncovered=share,
        )
        if not read.drafts:
            return drafts, read.note if not drafts or not legible else None
        return _merged(drafts if legible else [], read.drafts), read.note


def is_gibberish(text: str) -> bool:
    """Whether a font of the text layer does not say which characters its glyphs are."""
    signs = [sign for sign in text if not sign.isspace()]
    none = sum(sign == "\ufffd" or unicodedata.category(sign) in _NO_CHARACTERS for sign in signs)
    return none > GIBBERISH_SHARE * len(signs)


def _merged(drafts: list[Draft], found: list[Draft]) -> list[Draft]:
    """What was recognised goes before the first draft of the text layer that is not above it."""
    top = min((draft.position.box.top for draft in found if draft.position.box), default=0.0)
    above = 0
    for draft in drafts:
        box = draft.position.box
        if box is None or box.top > top:
            break
        above += 1
    return drafts[:above] + found + drafts[above:]


def _picture_share(page: pypdfium2.PdfPage) -> float:
    """How much of the page pictures take, and forms, which may hold some; may be more than all."""
    width, height = page.get_size()
    area = 0.0
    kinds = [raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM]
    for item in islice(page.get_objects(filter=kinds, max_depth=1), PICTURES_LOOKED_AT):
        left, bottom, right, top = item.get_bounds()
        area += max(right - left, 0.0) * max(top - bottom, 0.0)
    return float(area / max(width * height, 1.0))


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
