"""What is recognised, and what comes of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Rows, columns, three channels of eight bits in the order blue, green, red.
Raster = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TiltedBox:
    """Centre and size in pixels of the raster, the angle in degrees, clockwise.

    The width runs along the text, unless the text itself stands upright in the raster.
    """

    x: float
    y: float
    width: float
    height: float
    angle: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text; edges in pixels from the raster's top left, confidence from 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.right - self.left
