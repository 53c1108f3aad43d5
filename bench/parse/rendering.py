"""What we and others read of a file, as Markdown, so that both can be scored alike."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from docling_rs import ConversionError, DocumentConverter

from pipeline.document import Block, BlockKind


def markdown_of(blocks: Iterable[Block]) -> str:
    """Headings by the length of their path; rows that name their columns become a table again."""
    parts: list[str] = []
    for is_rows, group in groupby(blocks, key=lambda block: block.kind is BlockKind.ROW):
        if is_rows:
            parts.extend(_tables(group))
            continue
        for block in group:
            if block.kind is BlockKind.HEADING:
                marks = "#" * min(max(len(block.heading_path), 1), 6)
                parts.append(f"\n\n{marks} {' '.join(block.text.split())}")
            else:
                parts.append(block.separator + block.text)
    return "".join(parts)


def _tables(rows: Iterable[Block]) -> Iterator[str]:
    """A table for each run of rows that share their columns."""
    header: list[str] = []
    for block in rows:
        pairs = [line.partition(": ") for line in block.text.split("\n")]
        if not all(colon for _, colon, _ in pairs):
            header = []
            yield f"\n\n| {block.text} |"
            continue
        names = [name for name, _, _ in pairs]
        if not set(names) <= set(header):
            header = names
            yield f"\n\n| {' | '.join(header)} |\n|{' - |' * len(header)}"
        values = {name: value for name, _, value in pairs}
        yield f"\n| {' | '.join(values.get(name, '') for name in header)} |"


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
