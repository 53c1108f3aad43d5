"""Markdown: small files as a tree, large ones as a stream of paragraphs under their headings.

Densely marked up, a tree takes some 800 times the memory of its file.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from pipeline.document import BlockKind
from pipeline.parse.office import read_office
from pipeline.parse.plain_text import read_plain_text
from pipeline.parse.source import Draft, Notes, Source

TREE_BYTES_MAX = 768 * 1024  # 600 MB at worst, which a child may have

_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


def read_markdown(source: Source, notes: Notes) -> Iterator[Draft]:
    """As `read_office`; a large file keeps its marks, and only `#` headings are known."""
    if source.size <= TREE_BYTES_MAX:
        return read_office(source, notes)
    return _under_headings(read_plain_text(source, notes))


def _under_headings(paragraphs: Iterator[Draft]) -> Iterator[Draft]:
    headings: list[tuple[int, str]] = []
    in_code = False
    for paragraph in paragraphs:
        heading = None if in_code else _HEADING.match(paragraph.text.lstrip("\n"))
        if heading is not None:
            level = len(heading[1])
            headings = [known for known in headings if known[0] < level]
            headings.append((level, heading[2]))
        alone = heading is not None and "\n" not in paragraph.text.strip()
        in_code ^= len(_FENCE.findall(paragraph.text)) % 2 == 1
        yield replace(
            paragraph,
            kind=BlockKind.HEADING if alone else paragraph.kind,
            heading_path=tuple(text for _, text in headings),
        )
