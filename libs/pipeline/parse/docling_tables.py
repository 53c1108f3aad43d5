"""A docling table as drafts: one block in Markdown, or a block a row with the names of its columns.

Rows are for sheets, which have places of their own and no end, and for tables that Markdown makes
unreadable: of one row, of too many columns, or with whole pages for cells.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.document import BlockKind, Position
from pipeline.parse.docling_rows import COLUMNS_MAX, Cells, Grid, row_drafts, texts_of
from pipeline.parse.source import Draft

HEADER_ROWS_MAX = 3  # more is a table whose every row was taken for a header


CELL_CHARS_MAX = 2_000
# A cell is repeated in all columns that it spans; what blows up like that was made to hurt.
GROWTH_MAX = 20


def table_drafts(
    data: dict[str, Any],
    heading_path: tuple[str, ...],
    position: Position,
    *,
    as_rows: bool,
    in_cell: bool = False,
) -> Iterator[Draft]:
    """`position.line`, if any, is that of the table's first row. What stands `in_cell` of another
    table is written without the names of its columns: Markdown knows no table in a table."""
    rows = _rows(data)
    text = "" if as_rows or in_cell else _markdown(data, rows)
    if text:
        yield Draft(text, BlockKind.TABLE, heading_path=heading_path, position=position)
    else:
        header, names = (set[int](), list[str]()) if in_cell else _header(rows)
        grid = Grid(rows, frozenset(header), names, int(data["num_cols"]))
        yield from row_drafts(grid, heading_path, position, in_cell=in_cell)


def _rows(data: dict[str, Any]) -> dict[int, Cells]:
    """Cells by row, then by column; a cell that spans rows stands in each, so none loses it."""
    rows: dict[int, Cells] = {}
    for cell in data.get("table_cells", ()):
        first = int(cell["start_row_offset_idx"])
        # What spans more rows than the table has was made to hurt.
        last = min(int(cell["end_row_offset_idx"]), int(data["num_rows"]), first + 100)
        for row in range(first, max(last, first + 1)):
            rows.setdefault(row, {})[int(cell["start_col_offset_idx"])] = cell
    return rows


def _markdown(data: dict[str, Any], rows: dict[int, Cells]) -> str:
    """The table in Markdown, its stacked headers joined; empty if it had better be rows."""
    columns = min(int(data["num_cols"]), COLUMNS_MAX + 1)
    if not 1 <= columns <= COLUMNS_MAX or len(rows) < 2:
        return ""
    if len(rows) * columns > GROWTH_MAX * len(data["table_cells"]):
        return ""
    grid = [_line(rows[number], columns) for number in sorted(rows)]
    if any(len(cell) > CELL_CHARS_MAX for line in grid for cell in line):
        return ""
    header, names = _header(rows)
    if len(header) > 1 and len(header) < len(grid):
        grid[: len(header)] = [_padded(names, columns)]
    grid = [grid[0], ["---"] * columns, *(line for line in grid[1:] if any(line))]
    return "\n".join(f"| {' | '.join(line)} |" for line in grid)


def _line(cells: Cells, columns: int) -> list[str]:
    return [text.replace("|", "\\|") for text in texts_of(cells, columns)]


def _padded(names: list[str], columns: int) -> list[str]:
    escaped = [name.replace("|", "\\|") for name in names[:columns]]
    return escaped + [""] * (columns - len(escaped))


def _header(rows: dict[int, Cells]) -> tuple[set[int], list[str]]:
    """The rows that only name columns, and the names, a stacked header joined from the top."""
    header: list[int] = []
    for number in sorted(rows):
        if not all(cell.get("column_header") for cell in rows[number].values()):
            break
        header.append(number)
    if not header or len(header) > HEADER_ROWS_MAX:
        return set(), []
    names: list[list[str]] = []
    for number in header:
        for cell in rows[number].values():
            text = " ".join(str(cell["text"]).split())
            for column in range(int(cell["start_col_offset_idx"]), int(cell["end_col_offset_idx"])):
                names.extend([] for _ in range(column + 1 - len(names)))
                if text and text not in names[column]:
                    names[column].append(text)
    return set(header), [" / ".join(parts) for parts in names]
