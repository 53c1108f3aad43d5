"""Tables as liteparse sees them, taken only where they hold what PDFium reads at their place.

It finds tables in pages of two columns too, and in whole pages; such a one reads its lines across,
PDFium column by column, so their order tells.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import liteparse

from pipeline.document import Box
from pipeline.parse.pdf.agreement import similarity, words
from pipeline.parse.pdf.ligatures import is_right_to_left
from pipeline.parse.pdf.lines import Line, Page

SLACK_POINTS = 2.0
FILLED_MIN = 0.4  # of the cells
AGREEMENT_MIN = 0.6  # of the order of words
HOLDING_MIN = 0.9  # of the words themselves
COLUMNS_MAX = 60
CELLS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, the first of which names the columns."""

    rows: list[list[str]]
    box: Box

    @property
    def markdown(self) -> str:
        header, *body = self.rows
        rule = "|" + " - |" * len(header)
        return "\n".join([_row(header), rule, *map(_row, body)])


@dataclass(slots=True)
class Structure:
    """What liteparse makes of a page."""

    tables: list[Table] = field(default_factory=list)
    headings: set[str] = field(default_factory=set)  # without blanks


def structures(path: Path, window: range) -> dict[int, Structure]:
    """By page number; pages that it cannot read are missing, and it never raises."""
    parser = liteparse.LiteParse(
        output_format="markdown",
        ocr_enabled=False,
        target_pages=f"{window.start}-{window.stop - 1}",
        max_pages=window.stop,  # it stops at 1,000 by itself
        continue_on_page_error=True,
        num_workers=1,
        image_mode="off",
        extract_links=False,
        extract_blocks=True,
        quiet=True,
    )
    try:
        pages = parser.parse(path).pages
    except Exception:  # noqa: BLE001  a second opinion: whatever goes wrong with it, PDFium has the text
        return {}
    return {page.page_num: _structure(page) for page in pages}


def _structure(page: liteparse.ParsedPage) -> Structure:
    found = Structure()
    for block in page.blocks or ():
        if block.kind == "heading" and block.text:
            found.headings.add(bare(block.text))
        elif block.kind == "table" and block.bbox is not None:
            rows = [[cell.text for cell in row] for row in [block.header or [], *(block.rows or [])]]
            edges = block.bbox
            box = Box(
                round(edges.x, 2), round(edges.y, 2),
                round(edges.x + edges.width, 2), round(edges.y + edges.height, 2),
            )  # fmt: skip
            if (table := _table(rows, box)) is not None:
                found.tables.append(table)
    return found


def bare(text: str) -> str:
    """Letters and digits alone: engines differ in blanks and marks."""
    return "".join(words(text)).casefold()


def _table(rows: list[list[str]], box: Box) -> Table | None:
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    columns = max(map(len, rows), default=0)
    if len(rows) < 2 or not 2 <= columns <= COLUMNS_MAX or columns * len(rows) > CELLS_MAX:
        return None
    filled = sum(bool(cell.strip()) for row in rows for cell in row)
    if filled < FILLED_MIN * columns * len(rows):
        return None
    return Table([row + [""] * (columns - len(row)) for row in rows], box)


def confirmed(page: Page, tables: Iterable[Table]) -> Iterator[tuple[Table, list[Line]]]:
    """Each with the lines that it stands for, no line twice."""
    if is_right_to_left(" ".join(line.text for line in page.lines)):
        return  # their columns come in the order of the other direction, their words out of it
    taken: set[int] = set()
    for table in tables:
        lines = [
            line for line in page.lines if id(line) not in taken and _is_within(line.box, table.box)
        ]
        if lines and _agree(table, lines):
            taken.update(map(id, lines))
            yield table, lines


def _is_within(inner: Box, outer: Box) -> bool:
    across, down = (inner.left + inner.right) / 2, (inner.top + inner.bottom) / 2
    return (
        outer.left - SLACK_POINTS <= across <= outer.right + SLACK_POINTS
        and outer.top - SLACK_POINTS <= down <= outer.bottom + SLACK_POINTS
    )


def _agree(table: Table, lines: Sequence[Line]) -> bool:
    there = words(" ".join(line.text for line in lines))
    ours = words(" ".join(chain.from_iterable(table.rows)))
    return (
        similarity(sorted(there), sorted(ours)) >= HOLDING_MIN
        and similarity(there, ours) >= AGREEMENT_MIN
    )


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
