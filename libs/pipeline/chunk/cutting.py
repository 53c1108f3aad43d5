"""Cuts a stream of text into overlapping spans, so that an edit changes only the spans near it.

Filling every span to the brim would be simplest, but then one word more moves every cut that
follows, and a document edited in one place is embedded anew from there to its end. So a cut is
made at every *landmark*, a boundary better than all others within a radius, which no edit further
away can move. Between two landmarks, cuts are made from the first one on, each at the best
boundary of the last part of what a span may hold.

The spans are a function of the text alone, not of how it arrives nor of what it was before.
Memory is bounded by the size of a span. Lengths are whatever the ruler counts: characters, tokens.
"""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from pipeline.chunk.boundaries import CONTEXT, LOOKBACK, Boundaries, Boundary, Level
from pipeline.chunk.rulers import Characters, Ruler, RulerKind

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
    """A run of the canonical text, of which the first `repeated` characters were in the last."""

    start: int
    text: str
    repeated: int = 0


class Cutter:
    """For one run of text, which begins where the first push says."""

    def __init__(self, *, size: int, overlap: int, ruler: RulerKind = Characters) -> None:
        self._size = size
        self._overlap = overlap
        self._ruler = ruler
        self._longest = longest_of(size, overlap)
        self._shortest = int(self._longest * WINDOW_SHARE)
        self._radius = int(self._longest * RADIUS_SHARE)
        self._ahead = self._longest + self._shortest + self._radius
        self._behind = max(self._radius, overlap)
        self._at_once = SPANS_AT_ONCE * size * ruler.CHARACTERS
        self._due = self._ahead * ruler.CHARACTERS + self._at_once
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
        if self._length >= self._due:
            yield from self._spans(ended=False)
            self._due = self._length + self._at_once

    def close(self) -> Iterator[Span]:
        """The run ends here; nothing more may be pushed."""
        yield from self._spans(ended=True)

    def _spans(self, *, ended: bool) -> Iterator[Span]:
        text = "".join(self._pieces)
        boundaries, ruler = Boundaries(text), self._ruler(text)
        # What stands at the end of what is held may look different once more has come.
        known = ruler.mark(len(text) if ended else max(0, len(text) - self._ruler.MARGIN))
        landmarks = deque(
            b
            for b in boundaries.local_bests(self._radius, ruler)
            # The ends of the run cut as well, and no span should be a few words long.
            if (ruler.mark(b.at) >= self._radius or not self._first)
            and (ruler.mark(b.at) <= known - self._radius or not ended)
        )
        end = Boundary(Level.PARAGRAPH, 0, -len(text)) if ended else None
        while self._cut.at < len(text) and (
            ended or known - ruler.mark(self._cut.at) >= self._ahead
        ):
            while landmarks and landmarks[0].at <= self._cut.at:
                landmarks.popleft()
            goal = landmarks[0] if landmarks else end
            cut = self._next_cut(boundaries, ruler, goal)
            yield self._span(text, boundaries, ruler, cut)
            self._previous, self._cut = self._cut.at, cut
        self._forget(text, ruler)

    def _next_cut(self, boundaries: Boundaries, ruler: Ruler, goal: Boundary | None) -> Boundary:
        after = self._cut.at
        begin = ruler.mark(after)
        rest = self._ahead if goal is None else ruler.mark(goal.at) - begin
        if goal is not None and rest <= self._longest:
            return goal
        low, high = self._shortest, self._longest
        if rest < self._longest + self._shortest:
            low, high = int(rest * LAST_TWO_SHARE), int(rest * (1 - LAST_TWO_SHARE))
        first = max(ruler.reach(begin + low), after + 1)
        last = max(ruler.reach(begin + high), first)
        if found := boundaries.strong(first, last) or boundaries.words(first, last):
            return min(found)
        if places := boundaries.word_places(after + 1, first):
            return Boundary(Level.WORD, 0, -places[-1])  # rather short than within a word
        clusters = boundaries.clusters(after, last)
        if found := [b for b in clusters if b.at >= first] or clusters:
            return min(found)
        return Boundary(Level.CLUSTER, 0, -last)  # one character that is longer than a span

    def _span(self, text: str, boundaries: Boundaries, ruler: Ruler, cut: Boundary) -> Span:
        start = self._cut.at
        mark = ruler.mark(start)
        room = min(
            self._overlap,
            self._size - (ruler.mark(cut.at) - mark),
            mark - ruler.mark(self._previous),
        )
        if room > 0:
            first = max(ruler.back(mark - room), self._previous)
            start = self._overlap_start(boundaries, ruler, first)
        return Span(self._start + start, text[start : cut.at], self._cut.at - start)

    def _overlap_start(self, boundaries: Boundaries, ruler: Ruler, first: int) -> int:
        """Whole pieces of the kind that the cut is between; words, where sentences are long."""
        level, end = self._cut.level, self._cut.at
        found = [b.at for b in boundaries.strong(first, end - 1) if b.level <= level]
        overlap = ruler.mark(end) - ruler.mark(min(found, default=end))
        if level is Level.WORD or (level is Level.SENTENCE and overlap < self._overlap / 2):
            found = boundaries.word_places(first, end - 1)
        if level is Level.CLUSTER:
            clusters = boundaries.clusters(self._previous, end - 1)
            found = [b.at for b in clusters if b.at >= first]
        return min(found, default=end)

    def _forget(self, text: str, ruler: Ruler) -> None:
        """Keep of what has left what later spans overlap, or are cut by."""
        behind = ruler.back(ruler.mark(self._cut.at) - self._behind) - LOOKBACK - CONTEXT
        dropped = max(0, min(self._previous, behind))
        self._pieces = [text[dropped:]]
        self._length = len(text) - dropped
        self._start += dropped
        self._first = self._first and dropped == 0
        self._previous -= dropped
        self._cut = self._cut._replace(back=self._cut.back + dropped)


def longest_of(size: int, overlap: int) -> int:
    """What a span holds at most that no other one does."""
    return size - max(0, overlap - int(size * OVERLAP_UNPLANNED_SHARE))
