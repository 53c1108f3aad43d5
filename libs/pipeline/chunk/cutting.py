"""Cuts a stream of text into overlapping spans, so that an edit changes only the spans near it.

Filling every span to the brim would be simplest, but then one word more moves every cut that
follows, and a document edited in one place is embedded anew from there to its end. So a cut is
made at every *landmark*, a boundary better than all others within a radius, which no edit further
away can move. Between two landmarks, cuts are made from the first one on, each at the best
boundary of the last part of what a span may hold.

The spans are a function of the text alone, not of how it arrives nor of what it was before.
Memory is bounded by the size of a span.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.chunk.boundaries import CONTEXT, LOOKBACK, Boundaries, Boundary, Level

# Measured over paragraphs, prose, lines, Markdown and Chinese: a larger radius or a later window
# makes fewer chunks and lets an edit change more of them.
RADIUS_SHARE = 0.45
WINDOW_SHARE = 0.5
# Where two spans are left, the first takes between this share of the text and its complement.
LAST_TWO_SHARE = 0.35
# An overlap of up to this share of a span goes where there is room, which is in most spans; for
# what is asked for beyond it, room is kept.
OVERLAP_UNPLANNED_SHARE = 0.2
SPANS_AT_ONCE = 8  # what the boundaries around a page of text cost is shared by so many


class Span(NamedTuple):
    """A run of the canonical text."""

    start: int
    text: str


class Cutter:
    """For one run of text, which begins where the first push says."""

    def __init__(self, *, size: int, overlap: int) -> None:
        self._size = size
        self._overlap = overlap
        self._longest = size - max(0, overlap - int(size * OVERLAP_UNPLANNED_SHARE))
        self._shortest = int(self._longest * WINDOW_SHARE)
        self._radius = int(self._longest * RADIUS_SHARE)
        self._ahead = self._longest + self._shortest + self._radius + CONTEXT
        self._behind = max(self._radius, overlap) + LOOKBACK + CONTEXT
        self._pieces: list[str] = []
        self._length = 0
        self._start = 0  # where in the document what is held begins
        self._first = True  # what is held begins where the run does
        self._cut = Boundary(Level.PARAGRAPH, 0, 0)  # the latest; what is before it has left
        self._previous = 0  # the one before that

    def push(self, text: str, start: int) -> Iterator[Span]:
        """Text that follows what was pushed before; `start` is its place in the document."""
        if not self._length:
            self._start = start
        self._pieces.append(text)
        self._length += len(text)
        if self._length - self._cut.at >= self._ahead + SPANS_AT_ONCE * self._size:
            yield from self._spans(ended=False)

    def close(self) -> Iterator[Span]:
        """The run ends here; nothing more may be pushed."""
        yield from self._spans(ended=True)

    def _spans(self, *, ended: bool) -> Iterator[Span]:
        text = "".join(self._pieces)
        boundaries = Boundaries(text)
        landmarks = deque(
            b
            for b in boundaries.local_bests(self._radius)
            # The ends of the run cut as well, and no span should be a few words long.
            if (b.at >= self._radius or not self._first)
            and (b.at <= len(text) - self._radius or not ended)
        )
        end = Boundary(Level.PARAGRAPH, 0, -len(text)) if ended else None
        while (left := len(text) - self._cut.at) > 0 and (ended or left >= self._ahead):
            while landmarks and landmarks[0].at <= self._cut.at:
                landmarks.popleft()
            goal = landmarks[0] if landmarks else end
            cut = self._next_cut(boundaries, goal)
            yield self._span(text, boundaries, cut)
            self._previous, self._cut = self._cut.at, cut
        self._forget(text)

    def _next_cut(self, boundaries: Boundaries, goal: Boundary | None) -> Boundary:
        after = self._cut.at
        rest = self._ahead if goal is None else goal.at - after
        if goal is not None and rest <= self._longest:
            return goal
        first, last = after + self._shortest, after + self._longest
        if rest < self._longest + self._shortest:
            first, last = (
                after + int(rest * LAST_TWO_SHARE),
                after + int(rest * (1 - LAST_TWO_SHARE)),
            )
        if found := boundaries.strong(first, last) or boundaries.words(first, last):
            return min(found)
        if places := boundaries.word_places(after + 1, first):
            return Boundary(Level.WORD, 0, -places[-1])  # rather short than within a word
        clusters = boundaries.clusters(after, last)
        if found := [b for b in clusters if b.at >= first] or clusters:
            return min(found)
        return Boundary(Level.CLUSTER, 0, -last)  # one character that is longer than a span

    def _span(self, text: str, boundaries: Boundaries, cut: Boundary) -> Span:
        start = self._cut.at
        room = min(self._overlap, self._size - (cut.at - start), start - self._previous)
        if room > 0:
            start = self._overlap_start(boundaries, start - room)
        return Span(self._start + start, text[start : cut.at])

    def _overlap_start(self, boundaries: Boundaries, first: int) -> int:
        """Whole pieces of the kind that the cut is between; words, where sentences are long."""
        level, end = self._cut.level, self._cut.at
        found = [b.at for b in boundaries.strong(first, end - 1) if b.level <= level]
        if level is Level.WORD or (
            level is Level.SENTENCE and end - min(found, default=end) < self._overlap / 2
        ):
            found = boundaries.word_places(first, end - 1)
        if level is Level.CLUSTER:
            clusters = boundaries.clusters(self._previous, end - 1)
            found = [b.at for b in clusters if b.at >= first]
        return min(found, default=end)

    def _forget(self, text: str) -> None:
        """Keep of what has left what later spans overlap, or are cut by."""
        dropped = max(0, min(self._previous, self._cut.at - self._behind))
        self._pieces = [text[dropped:]]
        self._length = len(text) - dropped
        self._start += dropped
        self._first = self._first and dropped == 0
        self._previous -= dropped
        self._cut = self._cut._replace(back=self._cut.back + dropped)
