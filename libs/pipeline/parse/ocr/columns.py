"""Brings the lines of a page into reading order: column by column, across what spans them.

A gutter is a vertical gap that few lines cross, with columns of prose on both sides. Where there is
none, rows are read from the left to the right, as those of a table are.
"""

from itertools import pairwise

import numpy as np

from pipeline.parse.ocr.raster import Line

COLUMN_LINES_MIN = 4
# In heights of a line: prose runs longer than the cells of a table, and gutters are wide.
PROSE_WIDTH_MIN = 8.0
GUTTER_WIDTH_MIN = 0.7
PROSE_FILL_MIN = 0.3  # of the side's width, by half of its lines: it may be three columns itself
# Of the lines of the thinner side: so many headings, tables and captions may span a gutter.
CROSSING_MAX = 0.5
DEPTH_MAX = 4  # columns within columns


def regions_in_order(lines: list[Line], depth: int = 0) -> list[list[Line]]:
    """Runs of lines that follow each other down one column."""
    gutter = _gutter(lines) if depth < DEPTH_MAX else None
    if gutter is None:
        return [lines] if lines else []
    spanning = sorted((line for line in lines if _spans(line, gutter)), key=_middle)
    rest = [line for line in lines if not _spans(line, gutter)]
    regions: list[list[Line]] = []
    across: list[Line] = []
    for line in spanning:
        above = [other for other in rest if _middle(other) < _middle(line)]
        if above:
            regions += _flushed(across) + _side_by_side(above, gutter, depth)
            rest = [other for other in rest if _middle(other) >= _middle(line)]
        across.append(line)
    return regions + _flushed(across) + _side_by_side(rest, gutter, depth)


def _flushed(across: list[Line]) -> list[list[Line]]:
    region = list(across)
    across.clear()
    return [region] if region else []


def _side_by_side(lines: list[Line], gutter: float, depth: int) -> list[list[Line]]:
    left = [line for line in lines if line.right <= gutter]
    right = [line for line in lines if line.right > gutter]
    return regions_in_order(left, depth + 1) + regions_in_order(right, depth + 1)


def _middle(line: Line) -> float:
    return (line.top + line.bottom) / 2


def _spans(line: Line, x: float) -> bool:
    return line.left < x < line.right


def _gutter(lines: list[Line]) -> float | None:
    """Where the widest of the gaps is that fewest lines cross."""
    if len(lines) < 2 * COLUMN_LINES_MIN:
        return None
    lefts = np.array([line.left for line in lines])
    rights = np.array([line.right for line in lines])
    height = float(np.median([line.height for line in lines]))
    edges = np.unique(np.concatenate([lefts, rights]))
    best: tuple[int, float, float] | None = None
    for begin, end in pairwise(edges):
        x = (begin + end) / 2
        before, behind = rights <= x, lefts >= x
        crossing = len(lines) - int(before.sum()) - int(behind.sum())
        fewer = min(int(before.sum()), int(behind.sum()))
        if (
            end - begin >= GUTTER_WIDTH_MIN * height
            and fewer >= COLUMN_LINES_MIN
            and crossing <= CROSSING_MAX * fewer
            and _is_prose(lefts[before], rights[before], height)
            and _is_prose(lefts[behind], rights[behind], height)
        ):
            best = min(best or (crossing, begin - end, x), (crossing, begin - end, x))
    return None if best is None else best[2]


def _is_prose(lefts: np.ndarray, rights: np.ndarray, height: float) -> bool:
    usual = float(np.median(rights - lefts))
    extent = float(rights.max() - lefts.min())
    return usual >= PROSE_WIDTH_MIN * height and usual >= PROSE_FILL_MIN * extent
