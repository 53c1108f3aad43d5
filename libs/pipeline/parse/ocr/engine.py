"""The one engine of a process: a raster in, lines of text out."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from pipeline.parse.ocr.detector import Detector
from pipeline.parse.ocr.raster import Line, Raster, TiltedBox
from pipeline.parse.ocr.recogniser import Recogniser
from pipeline.parse.ocr.strips import cut, stands_upright

# What the network is less sure of is noise: dust, hatching, a piece of a drawing.
CONFIDENCE_MIN = 0.5
# So many lines, the longest, tell which way a page was scanned.
SAMPLED = 6
# A page the right way up is read with .95 and more, one upside down with .3 to .7.
SURE = 0.85


@dataclass(frozen=True, slots=True)
class Seen:
    """The lines of a raster that was turned upright by so many quarters, against the clock; their
    edges are those in the turned one. In no particular order. `unread` counts what looked like a
    line and could not be read."""

    lines: list[Line]
    quarters: int
    unread: int = 0


@cache
def engine() -> "Engine":
    """Loads the networks at the first call: half a second, some 100 MB."""
    cv2.setNumThreads(1)
    return Engine()


class Engine:
    def __init__(self) -> None:
        self._detector = Detector()
        self._recogniser = Recogniser()

    def read(self, raster: Raster) -> Seen:
        """Pages that were scanned sideways or upside down are read too."""
        boxes = self._detector.boxes(raster)
        if not boxes:
            return Seen([], 0)
        quarters = self._quarters(raster, boxes)
        if quarters:
            raster = np.ascontiguousarray(np.rot90(raster, quarters))
            boxes = self._detector.boxes(raster)
        lines = [line for box in boxes if (line := self._line(raster, box)) is not None]
        return Seen(lines, quarters, unread=len(boxes) - len(lines))

    def _line(self, raster: Raster, box: TiltedBox) -> Line | None:
        text, confidence = self._recogniser.read(cut(raster, box))
        if not text or confidence < CONFIDENCE_MIN:
            return None
        left, top, width, height = cv2.boundingRect(
            cv2.boxPoints(((box.x, box.y), (box.width, box.height), box.angle))
        )
        return Line(text, left, top, left + width, top + height, confidence)

    def _quarters(self, raster: Raster, boxes: list[TiltedBox]) -> int:
        """How the raster has to be turned for its text to stand as it is read."""
        upright = sum(box.height for box in boxes if stands_upright(box))
        level = sum(box.width for box in boxes if not stands_upright(box))
        sideways = upright > level
        alike = [box for box in boxes if stands_upright(box) == sideways]
        longest = sorted(alike, key=lambda box: -max(box.width, box.height))[:SAMPLED]
        strips = [cut(raster, box) for box in longest]  # those of a sideways page turned by -1
        sure = self._confidence(strips)
        if sure < SURE:
            turned = self._confidence([np.rot90(strip, 2) for strip in strips])
            if turned > max(sure, CONFIDENCE_MIN):
                return 1 if sideways else 2
        return 3 if sideways and sure > CONFIDENCE_MIN else 0

    def _confidence(self, strips: list[Raster]) -> float:
        return float(np.mean([self._recogniser.read(strip)[1] for strip in strips]))
