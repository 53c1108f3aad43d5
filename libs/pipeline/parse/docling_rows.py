"""The rows of a docling table as drafts, each written as `column: value`.

The text of a row leaves out what is blank and says a merged cell once, unless it tells something of
several columns. How the table looked goes with the drafts beside their text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.document import BlockKind, Position, TablePart
from pipeline.parse.records import row_text
from pipeline.parse.source import Draft

Cells = dict[int, dict[str, Any]]  # by column

COLUMNS_MAX = 100
# A merged cell of a few columns says something of each (closed from May to July), one of more, or
# of all that there are, heads the rows below it.
SPAN_MAX = 12
PART_CHARS_MAX = 16 * 1024  # of a row as its sheet has it


@dataclass(frozen=True, slots=True)
class Grid:
    """A table by rows and columns; `names` are those of the columns, which `header` holds."""

    rows: dict[int, Cells]
    header: frozenset[int]
    names: Sequence[str]
    columns: int


def row_drafts(
    grid: Grid, heading_path: tuple[str, ...], position: Position, *, in_cell: bool
) -> Iterator[Draft]:
    """As `table_drafts`."""
    mark = " " if in_cell else " | "  # a bar would part the cell that the table stands in
    head = sorted(grid.header)
    body = [number for number in sorted(grid.rows) if number not in grid.header]
    named = bool(grid.names and body)
    texts: list[tuple[int, str]] = []
    told: set[str] = set()  # names of columns that some row has a value for
    for number in body or sorted(grid.rows):
        cells = _row_texts(grid.rows[number], grid.names if named else ())
        text = row_text(grid.names, cells) if named else mark.join(filter(str.strip, cells))
        told.update(name for name, cell in zip(grid.names, cells, strict=False) if cell.strip())
        texts.append((number, text))
    if named and not told.issuperset(filter(None, grid.names)):
        texts.insert(0, (head[-1], mark.join(filter(None, dict.fromkeys(grid.names)))))
    parts = _parts(grid, [number for number, text in texts if text.strip()])
    for number, text in texts:
        line = None if position.line is None else position.line + number
        place = replace(position, line=line)
        yield Draft(
            text,
            BlockKind.ROW,
            heading_path=heading_path,
            position=place,
            table=parts.get(number) if position.sheet and text.strip() else None,
        )


def texts_of(cells: Cells, columns: int) -> list[str]:
    """A text for every column, a merged cell's in all that it spans."""
    line = [""] * columns
    for cell in cells.values():
        text = " ".join(str(cell["text"]).split())
        first, last = _span(cell)
        if cell.get("is_rich"):  # blocks of its own: too much to be said in every column
            last = first + 1
        for column in range(first, min(last, columns)):
            line[column] = text
    return line


def _span(cell: dict[str, Any]) -> tuple[int, int]:
    first, last = int(cell["start_col_offset_idx"]), int(cell["end_col_offset_idx"])
    return first, max(last, first + 1)


def _row_texts(cells: Cells, names: Sequence[str]) -> list[str]:
    """From the first column to the last that is filled, with blanks for the gaps."""
    texts: dict[int, str] = {}
    known = {name for name in names if name}
    for column, cell in cells.items():
        texts[column] = str(cell["text"])
        first, last = _span(cell)
        if last - first == 1 or last - first > SPAN_MAX or cell.get("is_rich"):
            continue
        if known <= set(names[first:last]):
            continue
        said = {names[first]} if first < len(names) else set()
        for other in range(first + 1, min(last, len(names))):
            if names[other] and names[other] not in said:
                said.add(names[other])
                texts[other] = texts[column]
    return [texts.get(column, "") for column in range(max(texts) + 1)]


def _parts(grid: Grid, written: Sequence[int]) -> dict[int, TablePart]:
    """By the rows that have a text; none if the table is too wide, or a row too long."""
    if not 1 <= grid.columns <= COLUMNS_MAX:
        return {}
    parts: dict[int, list[tuple[str, ...]]] = {number: [] for number in written}
    owner, size = written[0] if written else 0, 0
    for number in sorted(grid.rows) if written else ():
        if number > owner and number in parts:
            owner, size = number, 0
        row = tuple(texts_of(grid.rows[number], grid.columns))
        parts[owner].append(row)
        size += sum(len(cell) + 1 for cell in row)
        if size > PART_CHARS_MAX:
            return {}
    return {
        number: TablePart(tuple(rows), begins=number == written[0])
        for number, rows in parts.items()
    }
