"""A stream of rows as drafts, each with the names of its columns."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from pipeline.document import BlockKind, Position
from pipeline.parse.records import row_text
from pipeline.parse.source import Draft


def row_drafts(
    numbered: Iterator[tuple[int, list[str]]], place: Position | None = None
) -> Iterator[Draft]:
    """Rows with their line numbers, none of them blank; `place` says where the table stands.

    The first row names the columns, unless it looks like data.
    """
    place = place or Position()
    first = next(numbered, None)
    if first is None:
        return
    header = first[1] if _is_header(first[1]) else []
    rows = 0
    for line, row in numbered if header else chain((first,), numbered):
        rows += 1
        yield Draft(row_text(header, row), BlockKind.ROW, position=replace(place, line=line))
    if not rows:  # a table of names only still says what it is about
        yield Draft(", ".join(header), BlockKind.ROW, position=replace(place, line=first[0]))


def _is_header(row: list[str]) -> bool:
    names = [cell.strip() for cell in row if cell.strip()]
    return len(set(names)) == len(names) and not any(_is_number(name) for name in names)


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True
