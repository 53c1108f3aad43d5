"""Plain text of any size: a block a paragraph, with the line it starts in.

The separators are the blank lines as they stand, so the canonical text is the file's own text.
"""

import re
from collections.abc import Iterator

from pipeline.document import Position
from pipeline.parse.encodings import pieces
from pipeline.parse.layout import BLOCK_CHARS_MAX
from pipeline.parse.source import Draft, Notes, Source

_PARAGRAPH_END = re.compile(r"(\n{2,})(?=[^\n])")


def read_plain_text(source: Source, _notes: Notes) -> Iterator[Draft]:
    """Memory is bounded by one piece of the file, however long its paragraphs are."""
    paragraphs = _Paragraphs()
    unfinished = ""
    for piece in pieces(source.path):
        *complete, unfinished = _PARAGRAPH_END.split(unfinished + piece)
        for paragraph, following in zip(complete[::2], complete[1::2], strict=True):
            yield from paragraphs.add(paragraph, following)
        if len(unfinished) > BLOCK_CHARS_MAX:
            cut = _cut(unfinished)
            yield from paragraphs.add(unfinished[:cut], "")
            unfinished = unfinished[cut:]
    yield from paragraphs.add(unfinished, "")


def _cut(text: str) -> int:
    """Before the last line end; the line ends at the end may belong to a separator to come."""
    end = len(text.rstrip("\n"))
    line_end = text.rfind("\n", BLOCK_CHARS_MAX // 2, end)
    return line_end if line_end > 0 else end or len(text)


class _Paragraphs:
    """Counts lines, and moves blank paragraphs into the separator of the next one."""

    def __init__(self) -> None:
        self._line = 1  # of the first character of the separator
        self._separator = ""
        self._started = False

    def add(self, paragraph: str, following: str) -> Iterator[Draft]:
        if not paragraph.strip():
            self._widen(paragraph + following)
            return
        if self._started:
            line = self._line + self._separator.count("\n")
            yield Draft(paragraph, separator=self._separator, position=Position(line=line))
        else:
            # The first block has no separator: blank lines before it are part of its text.
            text = self._separator + paragraph
            yield Draft(text, separator="", position=Position(line=self._line))
        self._started = True
        self._line += self._separator.count("\n") + paragraph.count("\n")
        self._separator = following

    def _widen(self, blanks: str) -> None:
        self._separator += blanks
        surplus = len(self._separator) - BLOCK_CHARS_MAX
        if surplus > 0:  # megabytes of nothing are counted, not kept
            self._line += self._separator.count("\n", 0, surplus)
            self._separator = self._separator[surplus:]
