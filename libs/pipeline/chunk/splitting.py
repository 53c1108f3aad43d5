"""Splits a stream of text at the coarsest boundary that gives pieces short enough to pack.

Paragraphs first; a paragraph that is too long is split at its lines, a line at its blanks, a word
between its grapheme clusters. Each separator stays at the start of the piece it opens. The result
is that of the classic recursive splitter over the whole text, but a piece that turns out too long
is handed down while it is still arriving, so memory is bounded by the chunk size.
"""

from collections.abc import Iterator

import regex

from pipeline.chunk.packing import Packer, Span

SEPARATORS = ("\n\n", "\n", " ")

_CLUSTER = regex.compile(r"\X")
_PREPENDED = regex.compile(r"\p{Grapheme_Cluster_Break=Prepend}")
_PREPENDED_FIRST = "\u0600"  # no character before this one glues itself to what follows


class Splitter:
    """One level; pushes short pieces to the packer and long ones to the level below."""

    def __init__(self, packer: Packer, *, size: int, level: int = 0) -> None:
        self._packer = packer
        self._size = size
        self._level = level
        self._separator = SEPARATORS[level]
        self._pending = ""
        self._pending_start = 0
        self._below: Splitter | ClusterSplitter | None = None  # open while a long piece arrives

    def push(self, text: str, start: int) -> Iterator[Span]:
        """Text that follows what was pushed before; `start` is its place in the document."""
        if not self._pending:
            self._pending_start = start
        self._pending += text
        yield from self._take_whole_pieces()
        yield from self._hand_down_what_is_long()

    def close(self) -> Iterator[Span]:
        """The text ends here: everything pending leaves, and nothing overlaps what comes next."""
        rest, self._pending = Span(self._pending_start, self._pending), ""
        yield from self._end_piece(rest)
        yield from self._packer.flush()

    def _take_whole_pieces(self) -> Iterator[Span]:
        begin = 0
        while (end := self._next_boundary(begin)) >= 0:
            yield from self._end_piece(Span(self._pending_start + begin, self._pending[begin:end]))
            begin = end
        self._pending = self._pending[begin:]
        self._pending_start += begin

    def _next_boundary(self, begin: int) -> int:
        """Where the piece that starts at `begin` ends, or -1 while that is unknown."""
        separator = self._separator
        opened = self._below is None and self._pending.startswith(separator, begin)
        found = self._pending.find(separator, begin + len(separator) * opened)
        while found > 0 and self._glued(self._pending[found - 1]):
            found = self._pending.find(separator, found + 1)
        if found == begin:
            # A long piece that was handed down ends exactly where this text begins.
            return begin if self._below is not None else -1
        return found

    def _glued(self, before: str) -> bool:
        """Whether a blank would be one grapheme cluster with the character before it."""
        return (
            self._separator == " "
            and before >= _PREPENDED_FIRST
            and _PREPENDED.match(before) is not None
        )

    def _end_piece(self, piece: Span) -> Iterator[Span]:
        if self._below is not None:
            below, self._below = self._below, None
            yield from below.push(piece.text, piece.start)
            yield from below.close()
        elif len(piece.text) >= self._size:
            yield from self._packer.flush()
            below = self._level_below()
            yield from below.push(piece.text, piece.start)
            yield from below.close()
        elif piece.text:
            yield from self._packer.add(piece)

    def _hand_down_what_is_long(self) -> Iterator[Span]:
        # The last character may be the first half of a separator, so it has to wait.
        held_back = len(self._separator) > 1 and self._pending.endswith(self._separator[0])
        ready = len(self._pending) - held_back
        if self._below is None:
            if ready < self._size:
                return
            yield from self._packer.flush()
            self._below = self._level_below()
        if ready > 0:
            yield from self._below.push(self._pending[:ready], self._pending_start)
            self._pending = self._pending[ready:]
            self._pending_start += ready

    def _level_below(self) -> "Splitter | ClusterSplitter":
        if self._level + 1 < len(SEPARATORS):
            return Splitter(self._packer, size=self._size, level=self._level + 1)
        return ClusterSplitter(self._packer, size=self._size)


class ClusterSplitter:
    """The last level: never cuts what a reader sees as one character."""

    def __init__(self, packer: Packer, *, size: int) -> None:
        self._packer = packer
        self._size = size
        self._pending = ""
        self._pending_start = 0

    def push(self, text: str, start: int) -> Iterator[Span]:
        if not self._pending:
            self._pending_start = start
        self._pending += text
        clusters = (
            list(self._pending) if self._pending.isascii() else _CLUSTER.findall(self._pending)
        )
        # What follows may still belong to the last cluster, unless that is longer than any chunk.
        last = clusters.pop() if clusters else ""
        for cluster in clusters:
            yield from self._add(cluster)
        self._pending = last
        while len(self._pending) > self._size:
            yield from self._add(self._pending[: self._size])
            self._pending = self._pending[self._size :]

    def close(self) -> Iterator[Span]:
        last, self._pending = self._pending, ""
        if last:
            yield from self._add(last)
        yield from self._packer.flush()

    def _add(self, cluster: str) -> Iterator[Span]:
        start = self._pending_start
        self._pending_start += len(cluster)
        for at in range(0, len(cluster), self._size):
            yield from self._packer.add(Span(start + at, cluster[at : at + self._size]))
