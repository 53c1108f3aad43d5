"""How much of what looks like writing on a page its text layer covers."""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DPI = 75  # a letter is some five pixels high, a word is one mark
CONTRAST_MIN = 32  # of 255, to the surroundings: also white on black, also on toned paper
SURROUNDINGS = 25  # pixels across
# In pixels: what is lower is dust, what is higher or longer is a rule, a frame or a picture.
MARK_HEIGHTS = range(3, 46)
MARK_WIDTHS = range(2, 300)
MARK_FILLS = (0.12, 0.95)  # of its rectangle
MARGIN = 2  # around a rectangle of the text layer


@dataclass(frozen=True, slots=True)
class Ink:
    """Marks are what may be a letter or a word; `uncovered` is how many the text layer lacks."""

    marks: int
    uncovered: int
    blank: bool

    @property
    def uncovered_share(self) -> float:
        return self.uncovered / self.marks if self.marks else 0.0


def ink_of(gray: NDArray[np.uint8], covered: Iterable[tuple[float, ...]]) -> Ink:
    """`gray` is the page at 75 dots an inch; `covered` are left, top, right, bottom, in pixels."""
    cv2.setNumThreads(1)  # a child has one share of the processor
    surroundings = cv2.blur(gray, (SURROUNDINGS, SURROUNDINGS))
    ink = (cv2.absdiff(gray, surroundings) > CONTRAST_MIN).astype(np.uint8)
    _, _, stats, centres = cv2.connectedComponentsWithStats(ink)
    width, height, area = (
        stats[1:, column] for column in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA)
    )
    fill = area / np.maximum(width * height, 1)
    marks = (
        (height >= MARK_HEIGHTS.start)
        & (height < MARK_HEIGHTS.stop)
        & (width >= MARK_WIDTHS.start)
        & (width < MARK_WIDTHS.stop)
        & (fill >= MARK_FILLS[0])
        & (fill <= MARK_FILLS[1])
    )
    mask = np.zeros(gray.shape, bool)
    for left, top, right, bottom in covered:
        across = slice(max(int(left) - MARGIN, 0), max(int(right) + MARGIN + 1, 0))
        mask[max(int(top) - MARGIN, 0) : max(int(bottom) + MARGIN + 1, 0), across] = True
    x, y = centres[1:][marks].astype(int).T
    return Ink(int(marks.sum()), int((~mask[y, x]).sum()), blank=not ink.any())
