"""Where on a raster lines of text are: boxes, perhaps tilted.

PP-OCR's differentiable binarisation: a network says of each pixel how likely it is text.

The raster is scaled down first, a page of A4 to 110 dots an inch: that is enough to find lines, and
a fifth of the time of 200. Where they turn out to be small, they are looked for again at twice the
scale.
"""

from typing import Any

import cv2
import numpy as np

from pipeline.parse.ocr.models import DETECTOR, Network, Tensor
from pipeline.parse.ocr.raster import Raster, TiltedBox

SIDE_MAX = 1_280  # the longer side that the network sees at once
SIDE_STEP = 32
SHAPE_MAX = 2.0  # a long strip, a screenshot say, is looked at in pieces
SEAM = 64  # that much around a piece is seen and not believed
SMALL_PIXELS = 9.0  # lines that come out lower than this are looked for again
LIKELY_TEXT = 0.3
BOX_SCORE_MIN = 0.5
# The network marks the core of a line; the line is so much larger, by area over circumference.
GROWTH = 1.6
CORE_SIDE_MIN = 3.0
LINES_MAX = 1_000  # a page of a newspaper has some six hundred


class Detector:
    def __init__(self) -> None:
        self._network = Network(DETECTOR)

    def boxes(self, raster: Raster) -> list[TiltedBox]:
        """At most `LINES_MAX`."""
        rows, columns = raster.shape[:2]
        shape = min(max(rows, columns), SHAPE_MAX * min(rows, columns))
        scale = min(1.0, SIDE_MAX / shape)
        found = self._boxes(raster, scale)
        heights = [min(box.width, box.height) * scale for box in found]
        if scale < 1 and heights and float(np.median(heights)) < SMALL_PIXELS:
            found = self._boxes(raster, min(1.0, 2 * scale))
        return found

    def _boxes(self, raster: Raster, scale: float) -> list[TiltedBox]:
        rows, columns = raster.shape[:2]
        size = (_stepped(columns * scale), _stepped(rows * scale))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        likely = self._likely(cv2.resize(raster, size, interpolation=kind))
        found: list[TiltedBox] = []
        for contour in _contours(likely):
            core = _along_text(cv2.minAreaRect(contour))
            if core.height < CORE_SIDE_MIN or _score(likely, contour) < BOX_SCORE_MIN:
                continue
            found.append(_grown(core, columns / size[0], rows / size[1]))
            if len(found) == LINES_MAX:
                break
        return found

    def _likely(self, small: Any) -> Tensor:
        """How likely each pixel is text; in one look or, joined without a seam, in several."""
        rows, columns = small.shape[:2]
        if max(rows, columns) <= SIDE_MAX + SIDE_STEP:
            at_once: Tensor = self._network.run(_tensor(small))[0, 0]
            return at_once
        likely = np.zeros((rows, columns), np.float32)
        step = SIDE_MAX - 2 * SEAM
        for top in range(0, rows, step):
            for left in range(0, columns, step):
                above, before = min(top, SEAM), min(left, SEAM)
                piece = small[top - above : top + step + SEAM, left - before : left + step + SEAM]
                seen = self._network.run(_tensor(piece))[0, 0]
                part = likely[top : top + step, left : left + step]
                down, across = part.shape
                part[:] = seen[above : above + down, before : before + across]
        return likely


def _stepped(side: float) -> int:
    return max(SIDE_STEP, round(side / SIDE_STEP) * SIDE_STEP)


def _tensor(small: Any) -> Tensor:
    normal = small.astype(np.float32) * (2 / 255) - 1
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[np.newaxis])


def _contours(likely: Tensor) -> list[Any]:
    mask = cv2.dilate((likely > LIKELY_TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return list(contours)


def _along_text(rectangle: Any) -> TiltedBox:
    (x, y), (width, height), angle = rectangle
    while angle > 45:
        angle, width, height = angle - 90, height, width
    while angle < -45:
        angle, width, height = angle + 90, height, width
    return TiltedBox(x, y, width, height, angle)


def _score(likely: Tensor, contour: Any) -> float:
    left, top, width, height = cv2.boundingRect(contour)
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [contour - (left, top)], 1)
    return float(cv2.mean(likely[top : top + height, left : left + width], mask)[0])


def _grown(core: TiltedBox, across: float, down: float) -> TiltedBox:
    margin = core.width * core.height * GROWTH / (2 * (core.width + core.height))
    return TiltedBox(
        core.x * across,
        core.y * down,
        (core.width + 2 * margin) * across,
        (core.height + 2 * margin) * down,
        core.angle,
    )
