"""What we and others read of a file, as Markdown, so that both can be scored alike."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from docling_rs import ConversionError, DocumentConverter

from pipeline.document import Block, BlockKind

_NUMBERED = re.compile(r"column \d+")  # how a row calls a column without a name


def markdown_of(blocks: Iterable[Block]) -> str:
    """Headings by the length of their path, sheets by their names; rows become a table again.

    What stands in a picture is left out: docling's Markdown, which the known answers are, writes
    what a picture shows and never what is in it.
    """
    parts: list[str] = []
    sheet: str | None = None
    for (is_rows, on), group in groupby(
        (block for block in blocks if block.kind is not BlockKind.PICTURE_TEXT),
        key=lambda block: (block.kind is BlockKind.ROW, block.position.sheet),
    ):
        if on is not None and on != sheet:
            parts.append(f"\n\n## {on}")
        sheet = on
        if is_rows:
            parts.extend(_tables(group))
            continue
        for block in group:
            if block.kind is BlockKind.HEADING:
                marks = "#" * min(max(len(block.heading_path), 1), 6)
                parts.append(f"\n\n{marks} {' '.join(block.text.split())}")
            else:
                begins = bool(parts) and block.char_start == 0  # behind the name of its sheet
                parts.append(("\n\n" if begins else block.separator) + block.text)
    return "".join(parts)


@dataclass(slots=True)
class _Table:
    """Rows that share columns, and those columns in their order; rows without names have none."""

    sheet: str | None
    header: list[str] = field(default_factory=list)
    rows: list[dict[str, str]] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    line: int | None = None  # of the row before; a sheet has its tables apart from each other

    def takes(self, block: Block, pairs: list[tuple[str, str]]) -> bool:
        if block.position.sheet != self.sheet or bool(pairs) == bool(self.unnamed):
            return False
        if self.sheet and self.line and block.position.line != self.line + 1:
            return False
        return not pairs or any(name in self.header for name, _ in pairs)

    def add(self, block: Block, pairs: list[tuple[str, str]]) -> None:
        self.line = block.position.line
        if not pairs:
            self.unnamed.append(block.text)
            return
        at = 0  # a row leaves out what it has no value for: its neighbours tell where that stands
        for name, _ in pairs:
            if name not in self.header:
                self.header.insert(at, name)
            at = self.header.index(name) + 1
        self.rows.append(dict(pairs))

    @property
    def markdown(self) -> str:
        if self.unnamed:
            lines = [f"| {text} |" for text in self.unnamed]
            columns = self.unnamed[0].count(" | ") + 1
        else:
            columns = len(self.header)
            names = ["" if _NUMBERED.fullmatch(name) else name for name in self.header]
            lines = [_line(names)] if any(names) else []
            lines += [_line([row.get(name, "") for name in self.header]) for row in self.rows]
        return "\n".join(["\n", lines[0], f"|{' - |' * columns}", *lines[1:]])


def _tables(rows: Iterable[Block]) -> Iterator[str]:
    """Tables as their sheet has them; of rows that do not tell, a table for each run that shares
    its columns."""
    for is_told, group in groupby(rows, key=lambda block: block.table is not None):
        tables = _told_tables if is_told else _guessed_tables
        yield from tables(group)


def _told_tables(rows: Iterable[Block]) -> Iterator[str]:
    lines: list[str] = []
    for block in rows:
        if block.table is None:
            continue
        if block.table.begins and lines:
            yield "\n".join(("\n", *lines))
            lines = []
        for cells in block.table.rows:
            lines.append(_line(cells))
            if len(lines) == 1:
                lines.append(f"|{' - |' * len(cells)}")
    yield "\n".join(("\n", *lines))


def _guessed_tables(rows: Iterable[Block]) -> Iterator[str]:
    table: _Table | None = None
    for block in rows:
        pairs = _pairs(block.text)
        if table is None or not table.takes(block, pairs):
            if table is not None:
                yield table.markdown
            table = _Table(block.position.sheet)
        table.add(block, pairs)
    if table is not None:
        yield table.markdown


def _pairs(text: str) -> list[tuple[str, str]]:
    """The names and values of a row, whose values may have several lines; none if it has none."""
    pairs: list[tuple[str, str]] = []
    for line in text.split("\n"):
        name, colon, value = line.partition(": ")
        if colon:
            pairs.append((name, value))
        elif pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]} {line}")
        else:
            return []
    return pairs


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


class DoclingMarkdown:
    """docling-rs by itself, without models."""

    def __init__(self) -> None:
        self._converter = DocumentConverter(
            text_layer_only=True, do_ocr=False, do_table_structure=False, image_sources="none"
        )

    def of(self, path: Path) -> str:
        """Empty if it cannot read the file."""
        try:
            result = self._converter.convert(path)
        except (ConversionError, ValueError, OSError):
            return ""
        return str(result.document.export_to_markdown())
