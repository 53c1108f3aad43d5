"""The order of a page's parts: that of its content, but never from below to above in one column.

Programs write a page's running text in the order it is read in, and now and then its tables, its
title or its notes before or after all else. What stands above another part, and overlaps it from
left to right, is read before it, in one column or in several; all else keeps its turn.
"""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.document import Box

OVERLAP_MIN = 0.2  # of the narrower of two parts
SLACK_POINTS = 2.0  # by which boxes of neighbours may reach into each other
PARTS_MAX = 1_500  # the time grows with the square; a page of more is a sheet of numbers


class Part(Protocol):
    """Anything with a place."""

    @property
    def box(self) -> Box: ...


PartT = TypeVar("PartT", bound=Part)


def in_reading_order(parts: Sequence[PartT]) -> list[PartT]:
    """`parts` come in the order of the page's content."""
    if not 1 < len(parts) <= PARTS_MAX:
        return list(parts)
    precedes = _precedes([part.box for part in parts])
    if not np.tril(precedes, -1).any():
        return list(parts)
    waits_for = precedes.sum(axis=0)
    ready = [at for at in range(len(parts)) if waits_for[at] == 0]
    heapify(ready)
    order: list[int] = []
    while ready:
        first = heappop(ready)
        order.append(first)
        for freed in np.flatnonzero(precedes[first]):
            waits_for[freed] -= 1
            if waits_for[freed] == 0:
                heappush(ready, int(freed))
    done = set(order)  # parts that stand in each other's way come last, as they came
    order.extend(at for at in range(len(parts)) if at not in done)
    return [parts[at] for at in order]


def _precedes(boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Whether the part of a row stands above that of a column, and overlaps it."""
    left, top, right, bottom = np.array(
        [(box.left, box.top, box.right, box.bottom) for box in boxes]
    ).T
    width = np.maximum(right - left, 1.0)
    shared = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    overlap = shared > OVERLAP_MIN * np.minimum.outer(width, width)
    above = bottom[:, None] <= top[None, :] + SLACK_POINTS
    middle = (top + bottom) / 2
    return np.asarray(overlap & above & (middle[:, None] < middle[None, :]), dtype=np.bool_)
