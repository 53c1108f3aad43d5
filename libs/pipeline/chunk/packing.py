"""Packs pieces of text into spans of at most `size` characters, each sharing a tail with the next.

The pieces are consecutive, so a span is described by where it starts and what it says.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """A run of the canonical text."""

    start: int
    text: str


class Packer:
    """Whole pieces only: the overlap is the longest run of whole pieces that fits into it."""

    def __init__(self, *, size: int, overlap: int) -> None:
        self._size = size
        self._overlap = overlap
        self._pieces: deque[str] = deque()
        self._start = 0
        self._length = 0

    def add(self, piece: Span) -> Iterator[Span]:
        """Take a piece that is no longer than `size`; yields the span it no longer fits into."""
        length = len(piece.text)
        if self._pieces and self._length + length > self._size:
            yield self._span()
            while self._pieces and (
                self._length > self._overlap or self._length + length > self._size
            ):
                dropped = len(self._pieces.popleft())
                self._start += dropped
                self._length -= dropped
        if not self._pieces:
            self._start = piece.start
        self._pieces.append(piece.text)
        self._length += length

    def flush(self) -> Iterator[Span]:
        """End the span under way; the next piece starts afresh, without overlap."""
        if self._pieces:
            yield self._span()
            self._pieces.clear()
            self._length = 0

    def _span(self) -> Span:
        return Span(self._start, "".join(self._pieces))
