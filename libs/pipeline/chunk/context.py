"""What stands before a chunk's text when it is embedded: headings, and the header of a table.

It is no part of the chunk: offsets and what is shown stay exact. It helps to find a passage that
does not name its subject, and says what the columns of a row are.
"""

import re

from pipeline.document import Block, BlockKind
from pipeline.embed.tokens import count_tokens

HEADING_CHARS_MAX = 200  # of one heading; a longer one is a paragraph in disguise
HEADINGS_CHARS_MAX = 1_000  # of all; the outermost give way
HEADER_CHARS_MAX = 2_000  # a table of a hundred columns; a longer header would drown its rows
SHARE_MAX = 0.5  # of what the model reads

_HEADER = re.compile(r"\|[^\n]*\n\|[ \t:|-]+(?:\n|\Z)")


def header_of(block: Block) -> str:
    """The first two lines of a table in Markdown; empty if it has no such header."""
    found = _HEADER.match(block.text) if block.kind is BlockKind.TABLE else None
    return found.group() if found and len(found.group()) <= HEADER_CHARS_MAX else ""


def headings_line(path: tuple[str, ...]) -> str:
    """`Outer > Inner` and a line end; empty without headings."""
    headings = [" ".join(heading.split())[:HEADING_CHARS_MAX].strip() for heading in path]
    headings = [heading for heading in headings if heading]
    while sum(map(len, headings)) > HEADINGS_CHARS_MAX:
        del headings[0]
    return " > ".join(headings) + "\n" if headings else ""


def bounded(headings: str, header: str, *, input_tokens: int) -> str:
    """Both, one of them or neither, so that there is room for a text."""
    tokens_max = int(input_tokens * SHARE_MAX)
    for context in (headings + header, header, headings):
        if len(context.encode(errors="replace")) <= tokens_max:
            return context
        if count_tokens(context) <= tokens_max:
            return context
    return ""
