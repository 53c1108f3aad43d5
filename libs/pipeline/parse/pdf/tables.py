"""Tables as liteparse sees them, taken only where they hold what PDFium reads at their place.

It finds tables in pages of two columns too, and in whole pages; such a one reads its lines across,
PDFium column by column, so their order tells.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import liteparse

from pipeline.document import Box
from pipeline.parse.pdf.agreement import similarity, words
from pipeline.parse.pdf.ligatures import is_right_to_left
from pipeline.parse.pdf.lines import Line, Page
from pipeline.parse.pdf.table_grid import (
    Cell,
    Table,
    completed,
    is_within,
    table_of,
    without_running_text,
)

FILLED_MIN = 0.4  # of the cells
HOLDING_MIN = 0.75  # of the words: what is missing can be put back, what is not has another reason
LOST_MAX = 0.02  # of the words, for what one engine writes in two words and the other in one
AGREEMENT_MIN = 0.6  # of the order of words
CELLS_MAX = 20_000  # of one page: it reads no sheet of more


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
            rows = [block.header or [], *(block.rows or [])]
            cells = [[Cell(cell.text, _box(cell.bbox)) for cell in row] for row in rows]
            if sum(map(len, rows)) <= CELLS_MAX and (table := table_of(cells, _box(block.bbox))):
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
    there, ours = _words_of(lines), words(table.text)
    lost = Counter(there) - Counter(ours)
    return lost.total() <= LOST_MAX * len(there) and similarity(there, ours) >= AGREEMENT_MIN


def _words_of(lines: Iterable[Line]) -> list[str]:
    return words(" ".join(line.text for line in lines))
