"""Cuts the strip that holds one line out of a raster, level and upright."""

import math

import cv2
import numpy as np

from pipeline.parse.ocr.raster import Raster, TiltedBox

# A line may climb by so much of its height before it is levelled: the network bears it.
CLIMB_TOLERATED = 0.15
# A box so much taller than wide holds text that stands upright.
UPRIGHT_RATIO = 1.5


def stands_upright(box: TiltedBox) -> bool:
    """Whether text runs along the height of the box: up, down, or in a column."""
    return box.height > UPRIGHT_RATIO * box.width


def cut(raster: Raster, box: TiltedBox) -> Raster:
    """The strip of the box; text that stands upright is laid down, its foot to the right."""
    climb = abs(math.sin(math.radians(box.angle))) * max(box.width, box.height)
    if climb < CLIMB_TOLERATED * min(box.width, box.height):
        strip = _level(raster, box)
    else:
        strip = _levelled(raster, box)
    if stands_upright(box):
        strip = np.rot90(strip, -1)
    return np.ascontiguousarray(strip)


def _level(raster: Raster, box: TiltedBox) -> Raster:
    rows, columns = raster.shape[:2]
    left = min(max(math.floor(box.x - box.width / 2), 0), columns - 1)
    top = min(max(math.floor(box.y - box.height / 2), 0), rows - 1)
    right = max(math.ceil(box.x + box.width / 2), left + 1)
    bottom = max(math.ceil(box.y + box.height / 2), top + 1)
    return raster[top:bottom, left:right]


def _levelled(raster: Raster, box: TiltedBox) -> Raster:
    width, height = max(round(box.width), 1), max(round(box.height), 1)
    corners = cv2.boxPoints(((box.x, box.y), (box.width, box.height), box.angle))
    # In the order of `boxPoints`: bottom left, top left, top right, bottom right.
    goal = np.array([[0, height], [0, 0], [width, 0], [width, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, goal)
    strip = cv2.warpPerspective(
        raster, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return strip.astype(np.uint8, copy=False)
