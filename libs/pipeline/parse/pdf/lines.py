"""A page's text as PDFium finds it: lines in the order of the page's content, each with its place.

That order is the reading order of nearly all that a program has set; no other engine's comes as
near. Boxes are in points from the top left of the page as it is shown, turned and cropped.
"""

import ctypes
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from math import hypot

import pypdfium2
from pypdfium2 import raw

from pipeline.document import Box, around
from pipeline.parse.ocr.pages import ENOUGH_CHARACTERS
from pipeline.parse.ocr.picture_share import picture_share
from pipeline.parse.pdf.ligatures import in_reading_order, is_right_to_left

# PDFium ends a line so; a word that goes on in the next line it marks, and ends no line there.
_HYPHENS = "\x02\ufffe"
_LINE = re.compile(rf"[^\r\n{_HYPHENS}]+[{_HYPHENS}]?")
# `bx` is how TeX calls it, `medi` how its copies of Times do.
_BOLD = re.compile(rb"bold|black|heavy|demi|medi$|(?:cm|sf|ec)(?:ss)?bx", re.IGNORECASE)
_BOLD_WEIGHT = 600
_FONT_NAME_BYTES = 128
RAISED = 0.6  # of the larger size: a mark stands no higher
JOINED = 0.7  # of it: no wider than blanks of a justified line
TOUCHING = 0.15  # of it: no blank
# What stands for a character that the font does not name.
_UNKNOWN = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")


@dataclass(slots=True)
class Line:
    """`begin` and `end` run along the text, `depth` from line to line, whichever way it is turned.

    `size` is that of the font in points. `turn` counts quarters to the left, 0 for upright text.
    """

    text: str
    box: Box
    begin: float
    end: float
    depth: float
    size: float
    is_bold: bool
    is_broken: bool  # its last word goes on in the next line
    turn: int = 0
    font: bytes = b""
    gap: float = 0.0  # the widest within it


@dataclass(slots=True)
class Page:
    """`unknown_share` is of the characters that the fonts do not name."""

    number: int
    width: float
    height: float
    lines: list[Line]
    unknown_share: float = 0.0
    picture_share: float | None = None  # None if it was not asked for, or cannot be told

    @property
    def characters(self) -> int:
        return sum(len(line.text) for line in self.lines)


def read_page(document: pypdfium2.PdfDocument, number: int) -> Page | None:
    """None for a page that PDFium cannot read."""
    try:
        page = document[number - 1]
    except pypdfium2.PdfiumError:
        return None
    try:
        text_page = page.get_textpage()
    except pypdfium2.PdfiumError:
        page.close()
        return None
    try:
        view = View(page)
        text = text_page.get_text_range()
        lines = list(_whole(_Reader(text_page, view).lines(text)))
        unknown = len(_UNKNOWN.findall(text)) / max(len(text), 1)
        return Page(number, view.width, view.height, lines, unknown, _picture_share(page, text))
    finally:
        text_page.close()
        page.close()


def _picture_share(page: pypdfium2.PdfPage, text: str) -> float | None:
    """Told while the page is open, since opening one again is as dear as its text."""
    if len(text) < ENOUGH_CHARACTERS:
        return None  # it is drawn whatever its pictures
    try:
        return picture_share(page)
    except pypdfium2.PdfiumError:
        return None


def _whole(lines: Iterable[Line]) -> Iterator[Line]:
    """Lines that PDFium has broken at a raised or lowered mark are one again."""
    last: Line | None = None
    for line in lines:
        if last is not None and _is_continued(last, line):
            last = _continued(last, line)
            continue
        if last is not None:
            yield last
        last = line
    if last is not None:
        yield last


def _is_continued(last: Line, line: Line) -> bool:
    if last.turn != line.turn or last.is_broken:
        return False
    size = max(last.size, line.size)
    gap = last.begin - line.end if is_right_to_left(line.text) else line.begin - last.end
    return abs(line.depth - last.depth) < RAISED * size and -TOUCHING * size < gap < JOINED * size


def _continued(last: Line, line: Line) -> Line:
    main = last if len(last.text) * last.size >= len(line.text) * line.size else line
    gap = max(line.begin - last.end, last.begin - line.end)
    blank = "" if gap < TOUCHING * main.size else " "
    return replace(
        main,
        text=last.text + blank + line.text,
        box=around((last.box, line.box)),
        begin=min(last.begin, line.begin),
        end=max(last.end, line.end),
        is_bold=last.is_bold and line.is_bold,
        is_broken=line.is_broken,
        gap=max(last.gap, line.gap),
    )


def _middle_letter(text: str) -> int:
    """What PDFium has put in for a gap has neither font nor size."""
    at = len(text) // 2
    while at + 1 < len(text) and text[at].isspace():
        at += 1
    return at


class View:
    """From a page's own coordinates to those of the page as it is shown."""

    def __init__(self, page: pypdfium2.PdfPage) -> None:
        # What PDFium shows: a box may come from the page tree, or reach beyond the sheet.
        self._left, self._bottom, right, top = page.get_bbox()
        self._across, self._up = right - self._left, top - self._bottom
        self.rotation = int(page.get_rotation()) // 90  # to the right
        turned = self.rotation % 2
        self.width, self.height = (self._up, self._across) if turned else (self._across, self._up)

    def point(self, x: float, y: float) -> tuple[float, float]:
        x, y = x - self._left, y - self._bottom
        match self.rotation:
            case 1:
                return y, x
            case 2:
                return self._across - x, y
            case 3:
                return self._up - y, self._across - x
            case _:
                return x, self._up - y

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        (x1, y1), (x2, y2) = self.point(left, bottom), self.point(right, top)
        return Box(
            round(min(x1, x2), 2), round(min(y1, y2), 2), round(max(x1, x2), 2),
            round(max(y1, y2), 2),
        )  # fmt: skip


class _Reader:
    """The calls into PDFium for one page, with the variables they fill."""

    def __init__(self, text_page: pypdfium2.PdfTextPage, view: View) -> None:
        self._page = text_page.raw
        self._count = text_page.count_chars()
        self._view = view
        self._edges = [ctypes.c_double() for _ in range(4)]
        self._matrix = raw.FS_MATRIX()
        self._name = ctypes.create_string_buffer(_FONT_NAME_BYTES)
        self._flags = ctypes.c_int()

    def lines(self, text: str) -> Iterator[Line]:
        direct = len(text) == self._count
        for found in _LINE.finditer(text):
            broken = found.group()[-1] in _HYPHENS
            whole = found.group().rstrip(_HYPHENS)
            body = whole.strip()
            if not body:
                continue
            first = found.start() + len(whole) - len(whole.lstrip())
            last = first + len(body) - 1
            if not direct:  # what has no character, and what has two, is counted otherwise
                first, last = self._index(first), self._index(last)
            box, gap = self._box(first, last)
            if box is None:
                continue
            body = in_reading_order(body, partial(self._char_box, first))
            line = self._line(body, box, first, last, broken)
            line.gap = gap
            yield line

    def _index(self, at: int) -> int:
        return max(int(raw.FPDFText_GetCharIndexFromTextIndex(self._page, at)), 0)

    def _line(self, text: str, box: Box, first: int, last: int, broken: bool) -> Line:
        middle = first + _middle_letter(text)
        size, turn = self._style(middle)
        x, y = self._origin(middle)
        begin, end, depth = {
            0: (box.left, box.right, y),
            1: (-box.bottom, -box.top, x),
            2: (-box.right, -box.left, -y),
            3: (box.top, box.bottom, -x),
        }[turn]
        bold = all(self._is_bold(at) for at in {first, middle, last})
        return Line(text, box, begin, end, depth, size, bold, broken, turn, self._font(middle))

    def _box(self, first: int, last: int) -> tuple[Box | None, float]:
        """And the widest gap from left to right between the runs of text in it."""
        count = raw.FPDFText_CountRects(self._page, first, last - first + 1)
        left, top, right, bottom = self._edges
        rectangles = [
            (left.value, bottom.value, right.value, top.value)
            for at in range(count)
            if raw.FPDFText_GetRect(self._page, at, left, top, right, bottom)
        ]
        if not rectangles:
            return None, 0.0
        lefts, bottoms, rights, tops = zip(*rectangles, strict=True)
        box = self._view.box(min(lefts), min(bottoms), max(rights), max(tops))
        if count == 1:
            return box, 0.0
        rectangles.sort()
        return box, max(after[0] - before[2] for before, after in pairwise(rectangles))

    def _char_box(self, first: int, offset: int) -> tuple[float, float, float, float]:
        left, right, bottom, top = self._edges
        raw.FPDFText_GetCharBox(self._page, first + offset, left, right, bottom, top)
        return left.value, bottom.value, right.value, top.value

    def _origin(self, at: int) -> tuple[float, float]:
        x, y = self._edges[:2]
        raw.FPDFText_GetCharOrigin(self._page, at, x, y)
        return self._view.point(x.value, y.value)

    def _style(self, at: int) -> tuple[float, int]:
        """The size as it is shown, and the quarters that the text is turned to the left."""
        size = float(raw.FPDFText_GetFontSize(self._page, at))
        matrix = self._matrix
        if not raw.FPDFText_GetMatrix(self._page, at, matrix):
            return round(size, 1), 0
        across, up = matrix.a, matrix.b
        directions = (across, up, -across, -up)
        turn = directions.index(max(directions))
        size *= hypot(matrix.c, matrix.d) or 1.0
        return round(abs(size), 1), (turn - self._view.rotation) % 4

    def _is_bold(self, at: int) -> bool:
        if raw.FPDFText_GetFontWeight(self._page, at) >= _BOLD_WEIGHT:
            return True
        return _BOLD.search(self._font(at)) is not None

    def _font(self, at: int) -> bytes:
        """Its name, without the mark of a part of it; empty for blanks that PDFium has put in."""
        self._name[0] = b"\0"
        raw.FPDFText_GetFontInfo(self._page, at, self._name, _FONT_NAME_BYTES, self._flags)
        return bytes(self._name.value.rpartition(b"+")[2])
