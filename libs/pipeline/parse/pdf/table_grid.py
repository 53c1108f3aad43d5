"""A table as liteparse gives it, freed of running text and completed by the words that it left out.

Its cells come with their places. It takes the text column beside a table for one more column of
it, the paragraph above for a first row, and now and then loses a column whose cells run into the
next; all three show when its cells are laid over PDFium's lines.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.document import Box, around
from pipeline.parse.pdf.agreement import words
from pipeline.parse.pdf.lines import Line

SLACK_POINTS = 2.0
CELL_WORDS_MAX = 60  # a longer one is a column of running text
ROWS_LOOKED_AT = 8  # on either side of a place; rows hardly ever reach into so many others
RUN_GAP_LINES = 3  # of the page's content: a table is written in one go, but for its heads


@dataclass(frozen=True, slots=True)
class Cell:
    """`box` is None for one that nothing stands in."""

    text: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells each, the first of which names the columns."""

    rows: list[list[Cell]]
    box: Box

    @property
    def markdown(self) -> str:
        header, *body = self.rows
        rule = "|" + " - |" * len(header)
        return "\n".join([_row(header), rule, *map(_row, body)])

    @property
    def text(self) -> str:
        return " ".join(cell.text for row in self.rows for cell in row)


def _row(cells: Iterable[Cell]) -> str:
    texts = (" ".join(cell.text.split()).replace("|", "\\|") for cell in cells)
    return "| " + " | ".join(texts) + " |"


def table_of(rows: Sequence[Sequence[Cell]], outer: Box | None = None) -> Table | None:
    """Squared, without empty rows and columns; None if less than two of either are left."""
    filled = [list(row) for row in rows if any(cell.text.strip() for cell in row)]
    columns = max(map(len, filled), default=0)
    squared = [row + [Cell("")] * (columns - len(row)) for row in filled]
    used = [at for at in range(columns) if any(row[at].text.strip() for row in squared)]
    squared = [[row[at] for at in used] for row in squared]
    box = outer or _around(cell.box for row in squared for cell in row)
    if len(squared) < 2 or len(used) < 2 or box is None:
        return None
    return Table(squared, box)


def without_running_text(table: Table, lines: Sequence[Line]) -> Table | None:
    """`lines` are those of the page, in the order of its content."""
    rows = list(table.rows)
    while rows and _is_running(rows[0]):
        del rows[0]
    while rows and _is_running(rows[-1]):
        del rows[-1]
    trimmed = table if len(rows) == len(table.rows) else table_of(rows)
    if trimmed is None:
        return None
    run = _main_run([at for at, line in enumerate(lines) if is_within(line.box, trimmed.box)])
    first, last = 0, len(trimmed.rows[0])
    while first < last and _is_foreign(trimmed, first, lines, run):
        first += 1
    while last > first and _is_foreign(trimmed, last - 1, lines, run):
        last -= 1
    if (first, last) == (0, len(trimmed.rows[0])):
        return trimmed
    return table_of([row[first:last] for row in trimmed.rows])


def _is_running(row: Iterable[Cell]) -> bool:
    return any(len(words(cell.text)) > CELL_WORDS_MAX for cell in row)


def _main_run(places: Sequence[int]) -> range:
    """The longest run of places in the content, small gaps apart."""
    runs: list[list[int]] = []
    for place in places:
        if runs and place - runs[-1][-1] <= RUN_GAP_LINES:
            runs[-1].append(place)
        else:
            runs.append([place])
    longest = max(runs, key=len, default=[0])
    return range(longest[0], longest[-1] + 1)


def _is_foreign(table: Table, column: int, lines: Sequence[Line], run: range) -> bool:
    """Whether most lines of a column are written elsewhere than the table."""
    box = _around(row[column].box for row in table.rows)
    if box is None:
        return False
    places = [at for at, line in enumerate(lines) if is_within(line.box, box)]
    return bool(places) and 2 * sum(at not in run for at in places) > len(places)


def completed(table: Table, lines: Sequence[Line]) -> Table:
    """With the words of its lines that no cell holds, before or behind the rows they stand in."""
    heads: list[list[str]] = []
    tails: list[list[str]] = []
    nearest_row = _nearest(_extents(table))
    of_rows: list[list[Line]] = [[] for _ in table.rows]
    for line in lines:
        of_rows[nearest_row((line.box.top + line.box.bottom) / 2)].append(line)
    for row, own in zip(table.rows, of_rows, strict=True):
        known = Counter(word for cell in row for word in words(cell.text))
        head, tail = _lost(own, known)
        heads.append(head)
        tails.append(tail)
    rows = [
        [*row[:-1], replace(row[-1], text=" ".join([row[-1].text, *tail]))] if tail else row
        for row, tail in zip(table.rows, tails, strict=True)
    ]
    if any(heads):
        rows = [[Cell(" ".join(head)), *row] for head, row in zip(heads, rows, strict=True)]
    return Table(rows, table.box)


def _lost(lines: Sequence[Line], known: "Counter[str]") -> tuple[list[str], list[str]]:
    """What stands at the beginning of a line and is in no cell; what else is in none."""
    head: list[str] = []
    tail: list[str] = []
    for line in lines:
        at_begin = True
        for token in line.text.split():
            own = Counter(words(token))
            if not own <= known:
                (head if at_begin else tail).append(token)
            else:
                known -= own
                at_begin = at_begin and not own
    return head, tail


def _extents(table: Table) -> list[tuple[float, float]]:
    """Top and bottom of each row; a row that nothing places is where the one before ends."""
    extents: list[tuple[float, float]] = []
    for row in table.rows:
        box = _around(cell.box for cell in row)
        edge = extents[-1][1] if extents else table.box.top
        extents.append((edge, edge) if box is None else (box.top, box.bottom))
    return extents


def _nearest(extents: Sequence[tuple[float, float]]) -> Callable[[float], int]:
    """Tells which row is nearest to a place, the first of several; in no more than some steps, for
    a page may have ten thousand rows."""
    order = sorted(range(len(extents)), key=lambda at: extents[at])
    tops = [extents[at][0] for at in order]

    def nearest(place: float) -> int:
        behind = bisect_right(tops, place)
        near = order[max(behind - ROWS_LOOKED_AT, 0) : behind + ROWS_LOOKED_AT]
        return min(near, key=lambda at: (_distance(place, extents[at]), at))

    return nearest


def _distance(place: float, extent: tuple[float, float]) -> float:
    return max(extent[0] - place, place - extent[1], 0.0)


def is_within(inner: Box, outer: Box) -> bool:
    """Whether the middle of a box is in another."""
    across, down = (inner.left + inner.right) / 2, (inner.top + inner.bottom) / 2
    return (
        outer.left - SLACK_POINTS <= across <= outer.right + SLACK_POINTS
        and outer.top - SLACK_POINTS <= down <= outer.bottom + SLACK_POINTS
    )


def _around(boxes: Iterable[Box | None]) -> Box | None:
    found = [box for box in boxes if box is not None]
    return around(found) if found else None
