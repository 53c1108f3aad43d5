"""Running heads, feet and page numbers: what stands at the same place of page after page.

A line is furniture only if nothing but furniture stands between it and the top or bottom edge, if
it is set no larger than the text and apart from it, and if it has been seen there on several
pages, where numbers in it may grow with the pages; or if it is nothing but such a number. It is
kept where it stands first, so that it can be searched for; numbers of pages are never kept.
"""

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product

from pipeline.parse.pdf.lines import Line, Page

BAND = 0.17  # of the page's height, at either edge
PAGES_MIN = 3  # a line of two pages may be a form's
NUMBERED_PAGES_MIN = 2  # the number itself shows that it is no text
LINES_MAX = 4  # of each band: a longer running head is none
PLACE_POINTS = 4.0  # lines nearer to each other stand at one place
SIZE_SHARE_MAX = 1.15  # of the text's size; what is larger is a title, even if it comes again
CHARACTERS_MAX = 200
REMEMBERED_PAGES = 100  # what has been seen too seldom, and not since, is forgotten
KEPT_MAX = 10_000  # heads of one document that come again; the next are left out altogether
NUMBERS_MAX = 3  # of a line, that may grow with the pages
ADJOINING = 1.6  # in sizes: as near as the lines of one paragraph

_DIGITS = re.compile(r"(\d{1,6})")
_NUMBER = re.compile(
    r"\W*(?:page|seite|pagina|página|p\.|pag\.|стр\.)?\s*(\d{1,5}|[ivxlc]{1,7})"
    r"(?:\s*(?:of|von|de|di|sur|из|/|\|)\s*\d{1,5})?\W*",
    re.IGNORECASE,
)
_ROMAN = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


class _Sightings:
    """On how many pages something has been seen. What does not come again is forgotten."""

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[int, int]] = {}  # pages, and the last of them

    def add(self, what: Hashable, page: int) -> None:
        """In the order of pages."""
        pages, last = self._found.get(what, (0, 0))
        if last != page:
            self._found[what] = pages + 1, page

    def pages(self, what: Hashable) -> int:
        return self._found.get(what, (0, 0))[0]

    def forget(self, before_page: int) -> None:
        """What has been seen too seldom, and not since."""
        self._found = {
            what: (pages, last)
            for what, (pages, last) in self._found.items()
            if pages >= PAGES_MIN or last >= before_page
        }


@dataclass(slots=True)
class Parted:
    """The lines of a page: its text, and the heads and feet that stand here first."""

    text: list[Line]
    heads: list[Line] = field(default_factory=list)
    feet: list[Line] = field(default_factory=list)


class Furniture:
    """Of one document. Pages are learnt a window at a time, in order, and parted in order."""

    def __init__(self) -> None:
        self._kept: set[str] = set()
        self._lines = _Sightings()
        self._numbers = _Sightings()  # by place, and by how far a number is ahead of the page's

    def learn(self, pages: Sequence[Page]) -> None:
        if not pages:
            return
        for sightings in (self._lines, self._numbers):
            sightings.forget(pages[0].number - REMEMBERED_PAGES)
        for page in pages:
            for edge, line in _edge_lines(page):
                for step in _steps(page, edge, line):
                    for shape in _shapes(line.text, page.number):
                        self._lines.add((edge, step, shape), page.number)
                    if (number := _number(line.text)) is not None:
                        self._numbers.add((edge, step, number - page.number), page.number)

    def parted(self, page: Page, text_size: float) -> Parted:
        """The lines of a page that has been learnt; what came before is left out.

        From each edge inwards, up to the first row with none: what stands within is text.
        """
        parted = Parted([])
        furniture: set[int] = set()
        for edge, found in groupby(_edge_lines(page), key=lambda at_edge: at_edge[0]):
            rows: list[list[Line]] = []
            for row in _rows([line for _, line in found]):
                own = [
                    line
                    for line in row
                    if line.size <= SIZE_SHARE_MAX * text_size
                    and self._is_furniture(page, edge, line)
                ]
                if not own:
                    break
                rows.append(own)
            while rows and _adjoins_text(page, rows):
                rows.pop()
            furniture.update(id(line) for row in rows for line in row)
            first = [line for row in rows for line in row if self._stands_first(line, page.number)]
            kept = parted.heads if edge == "top" else parted.feet
            kept.extend(sorted(first, key=lambda line: (round(line.depth), line.begin)))
        parted.text = [line for line in page.lines if id(line) not in furniture]
        return parted

    def _stands_first(self, line: Line, page: int) -> bool:
        """Whether it is to be kept: no number of a page, and not kept before."""
        if _number(line.text) is not None or len(self._kept) >= KEPT_MAX:
            return False
        shapes = _shapes(line.text, page)
        known = not self._kept.isdisjoint(shapes)
        self._kept.update(shapes)
        return not known

    def _is_furniture(self, page: Page, edge: str, line: Line) -> bool:
        number = _number(line.text)
        for step in _steps(page, edge, line):
            if number is not None:
                pages = self._numbers.pages((edge, step, number - page.number))
                least = NUMBERED_PAGES_MIN
            else:
                pages = max(
                    self._lines.pages((edge, step, shape))
                    for shape in _shapes(line.text, page.number)
                )
                least = PAGES_MIN
            if pages >= least:
                return True
        return False


def _edge_lines(page: Page) -> Iterator[tuple[str, Line]]:
    """The outermost lines of both bands, short ones only."""
    upright = [line for line in page.lines if line.turn == 0]
    tops = [line for line in upright if line.box.bottom <= BAND * page.height]
    bottoms = [line for line in upright if line.box.top >= (1 - BAND) * page.height]
    tops.sort(key=lambda line: line.depth)
    bottoms.sort(key=lambda line: -line.depth)
    for edge, lines in (("top", tops), ("bottom", bottoms)):
        for line in lines[:LINES_MAX]:
            if len(line.text) <= CHARACTERS_MAX:
                yield edge, line


def _adjoins_text(page: Page, rows: Sequence[Sequence[Line]]) -> bool:
    """Whether the innermost row is set like a line of the text next to it; numbers never are."""
    known = {id(line) for row in rows for line in row}
    return any(
        abs(line.depth - own.depth) < ADJOINING * own.size
        and line.box.left < own.box.right
        and own.box.left < line.box.right
        for own in rows[-1]
        if _number(own.text) is None
        for line in page.lines
        if line.turn == 0 and id(line) not in known
    )


def _rows(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """Lines side by side; they come in the order of their distance from the edge."""
    row: list[Line] = []
    for line in lines:
        if row and abs(line.depth - row[0].depth) > PLACE_POINTS:
            yield row
            row = []
        row.append(line)
    if row:
        yield row


def _steps(page: Page, edge: str, line: Line) -> tuple[int, int]:
    """Two, so that lines at nearly the same place have one in common."""
    distance = line.depth if edge == "top" else page.height - line.depth
    step = int(distance / PLACE_POINTS)
    return step, step + 1


def _shapes(text: str, page: int) -> list[str]:
    """The text with each number as it stands, and as one that grows with the pages.

    An amount or a customer's number at the same place of each page is neither: it is text.
    """
    parts = _DIGITS.split(" ".join(text.split()).casefold())
    numbers = parts[1::2]
    if len(numbers) > NUMBERS_MAX:
        return ["".join(parts)]
    shapes = []
    for grown in product(*((number, f"#{int(number) - page}") for number in numbers)):
        parts[1::2] = grown
        shapes.append("".join(parts))
    return shapes


def _number(text: str) -> int | None:
    """The value of a line that is a page's number and nothing else."""
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    digits = found.group(1).lower()
    return int(digits) if digits.isdecimal() else _roman(digits)


def _roman(digits: str) -> int:
    values = [_ROMAN[digit] for digit in digits]
    return sum(
        -value if value < max(values[at + 1 :], default=0) else value
        for at, value in enumerate(values)
    )
