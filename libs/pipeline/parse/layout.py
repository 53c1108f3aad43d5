"""Lays drafts out in the canonical text: clean, bounded in size, each with its exact place."""

import re
from collections.abc import Iterator
from dataclasses import replace

from pipeline.document import Block, BlockKind, TablePart
from pipeline.errors import TooLarge
from pipeline.parse.encodings import without_invisible
from pipeline.parse.source import Draft

# A block travels in one message and is held whole: a cell of megabytes leaves as several blocks.
BLOCK_CHARS_MAX = 16 * 1024

# A heading goes with every block below it, and some keys of JSON are documents themselves.
HEADING_CHARS_MAX = 1_000
HEADINGS_MAX = 50

_LINE_END = re.compile(r"\r\n?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character: no UTF-8 exists for it


def clean(text: str) -> str:
    """Line ends as `\\n`, no NUL, nothing that cannot be written as UTF-8."""
    if "\r" in text:
        text = _LINE_END.sub("\n", text)
    text = without_invisible(text)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def lay_out(drafts: Iterator[Draft], *, characters_max: int) -> Iterator[Block]:
    """Blocks in order; blank drafts are dropped. Raises TooLarge past `characters_max`."""
    end = 0
    for draft in drafts:
        text = clean(draft.text)
        if not text.strip():
            continue
        separator = clean(draft.separator) if end else ""
        position = draft.position
        headings = tuple(h[:HEADING_CHARS_MAX] for h in draft.heading_path[-HEADINGS_MAX:])
        table = _clean_part(draft.table) if draft.table is not None else None
        for part in _parts(text):
            end += len(separator)
            yield Block(part, draft.kind, end, separator, headings, position, table)
            end += len(part)
            separator, table = "", None
            if draft.kind is BlockKind.PARAGRAPH and position.line is not None:
                position = replace(position, line=position.line + part.count("\n"))
        if end > characters_max:
            raise TooLarge(f"the document has more than {characters_max} characters of text")


def _clean_part(table: TablePart) -> TablePart:
    return replace(table, rows=tuple(tuple(clean(cell) for cell in row) for row in table.rows))


def _parts(text: str) -> Iterator[str]:
    """Consecutive parts no longer than a block may be, cut at a line end or a blank if any."""
    begin = 0
    while len(text) - begin > BLOCK_CHARS_MAX:
        limit = begin + BLOCK_CHARS_MAX
        half = begin + BLOCK_CHARS_MAX // 2
        cut = max(text.rfind("\n", half, limit), half)
        if cut == half:
            cut = max(text.rfind(" ", half, limit), half)
        if cut == half:
            cut = limit
        yield text[begin:cut]
        begin = cut
    yield text[begin:]
