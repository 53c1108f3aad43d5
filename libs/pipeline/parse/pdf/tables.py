"""Tables as liteparse sees them, taken only where they hold what PDFium reads at their place.

It finds tables in pages of two columns too, and in whole pages; such a one reads its lines across,
PDFium column by column, so their order tells.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import liteparse

from pipeline.document import Box
from pipeline.parse.pdf.agreement import similarity, words
from pipeline.parse.pdf.ligatures import is_right_to_left
from pipeline.parse.pdf.lines import Line, Page
from pipeline.parse.pdf.paragraphs import PITCH
from pipeline.parse.pdf.table_grid import (
    Cell,
    Table,
    completed,
    is_within,
    table_of,
    without_running_text,
)

GAP = 1.5  # in sizes: wider than any blank between words
ROOM_MAX = 0.75  # in sizes, to a character; Latin letters take half on average
WIDE_ROOM_MAX = 1.15  # Chinese ones all of it
SAME_ROW = 0.3  # in sizes
CELL_LINES_MAX = 8
ROWS_MIN = 2
FILLED_MIN = 0.4  # of the cells
SAYING_MIN = 0.3  # of a column's cells have words
HOLDING_MIN = 0.75  # of the words: what is missing can be put back, what is not has another reason
LOST_MAX = 0.02  # of the words, for what one engine writes in two words and the other in one
AGREEMENT_MIN = 0.6  # of the order of words
CELLS_MAX = 20_000  # of one page, all its tables together: it reads no sheet of more
# Each is laid over the lines of its page, and each of its outer columns is.
TABLES_MAX = 100
COLUMNS_MAX = 200


@dataclass(slots=True)
class Structure:
    """What liteparse makes of a page."""

    tables: list[Table] = field(default_factory=list)
    headings: set[str] = field(default_factory=set)  # without blanks


def may_hold_table(page: Page) -> bool:
    """Whether lines of it are set as rows are; most pages cost nothing then."""
    rows = sum(_is_spread(line) for line in page.lines)
    for before, after in pairwise(page.lines):
        # A cell of several lines is followed by one to the right of its first.
        step = (after.depth - before.depth) / max(before.size, 0.1)
        is_beside = -CELL_LINES_MAX * PITCH < step < SAME_ROW
        rows += is_beside and after.begin - before.end > GAP * before.size
    return rows >= ROWS_MIN


def _is_spread(line: Line) -> bool:
    """Whether there are gaps in it: more room to a character than a font takes."""
    if line.gap > GAP * line.size:
        return True
    room = (line.end - line.begin) / max(line.size * len(line.text), 0.1)
    return room > (ROOM_MAX if line.text.isascii() else WIDE_ROOM_MAX)


def structures(path: Path, numbers: Sequence[int]) -> dict[int, Structure]:
    """By page number, of these; pages that it cannot read are missing, and it never raises."""
    if not numbers:
        return {}
    parser = liteparse.LiteParse(
        output_format="markdown",
        ocr_enabled=False,
        target_pages=",".join(map(str, numbers)),
        max_pages=numbers[-1],  # it stops at 1,000 by itself
        continue_on_page_error=True,
        num_workers=1,
        image_mode="off",
        extract_links=False,
        extract_blocks=True,
        quiet=True,
    )
    try:
        return {page.page_num: _structure(page) for page in parser.parse(path).pages}
    except BaseException as error:
        # A second opinion: whatever goes wrong with it, PDFium has the text. What its Rust code
        # raises when it panics is no Exception.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            return {}
        raise


def _structure(page: liteparse.ParsedPage) -> Structure:
    found, cells_left = Structure(), CELLS_MAX
    for block in page.blocks or ():
        if block.kind == "heading" and block.text:
            found.headings.add(bare(block.text))
        elif block.kind == "table" and block.bbox is not None:
            rows = [block.header or [], *(block.rows or [])]
            cells_left -= sum(map(len, rows))
            if cells_left < 0 or len(found.tables) >= TABLES_MAX:
                continue
            cells = [[Cell(cell.text, _box(cell.bbox)) for cell in row] for row in rows]
            table = table_of(cells, _box(block.bbox))
            if table is not None and len(table.rows[0]) <= COLUMNS_MAX:
                found.tables.append(table)
    return found


def _box(edges: liteparse.AnnotationRect | None) -> Box | None:
    if edges is None:
        return None
    right, bottom = edges.x + edges.width, edges.y + edges.height
    return Box(round(edges.x, 2), round(edges.y, 2), round(right, 2), round(bottom, 2))


def bare(text: str) -> str:
    """Letters and digits alone: engines differ in blanks and marks."""
    return "".join(words(text)).casefold()


def confirmed(page: Page, tables: Iterable[Table]) -> Iterator[tuple[Table, list[Line]]]:
    """Each with the lines whose words it holds, no line twice."""
    if is_right_to_left(" ".join(line.text for line in page.lines)):
        return  # their columns come in the order of the other direction, their words out of it
    lines = page.lines
    for found in tables:
        table = without_running_text(found, lines)
        if table is None:
            continue
        own = [line for line in lines if is_within(line.box, table.box)]
        if not own or _held(table, own) < HOLDING_MIN:
            continue
        table = completed(table, own)
        if _is_sound(table, own):
            taken = set(map(id, own))
            lines = [line for line in lines if id(line) not in taken]
            yield table, own


def _held(table: Table, lines: Sequence[Line]) -> float:
    """How far table and lines hold the same words."""
    return similarity(sorted(_words_of(lines)), sorted(words(table.text)))


def _is_sound(table: Table, lines: Sequence[Line]) -> bool:
    cells = [cell for row in table.rows for cell in row]
    if sum(bool(cell.text.strip()) for cell in cells) < FILLED_MIN * len(cells):
        return False
    if sum(_says_something(column) for column in zip(*table.rows, strict=True)) < 2:
        return False  # bullets beside a list
    there, ours = _words_of(lines), words(table.text)
    lost = Counter(there) - Counter(ours)
    return lost.total() <= LOST_MAX * len(there) and similarity(there, ours) >= AGREEMENT_MIN


def _says_something(column: Sequence[Cell]) -> bool:
    return sum(bool(words(cell.text)) for cell in column) >= SAYING_MIN * len(column)


def _words_of(lines: Iterable[Line]) -> list[str]:
    return words(" ".join(line.text for line in lines))
