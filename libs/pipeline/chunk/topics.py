"""Cuts a run of passages where the subject changes, as far as the distances of vectors tell.

As `cutting.py` does with boundaries of text: a cut is made at every *landmark*, here a distance
that is large among its neighbours and the largest within a radius. Between landmarks that are too
far apart for one chunk, cuts are made from the first one on, each at the largest distance of the
last part of what a chunk may hold. So an edit moves no cut far away from it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median_low
from typing import NamedTuple

from pipeline.chunk.boundaries import CONTEXT, LOOKBACK, Boundaries, Level
from pipeline.chunk.cutting import LAST_TWO_SHARE, WINDOW_SHARE, Span, longest_of

# A distance is large if it is among the upper fifth of its neighbours, and stands out from them.
NEIGHBOURS = 12  # on each side; some page of text
PERCENTILE = 0.8
OUTSTANDING = 1.25  # times their median
# Between two changes of subject: below this the smaller one is overlooked.
RADIUS_SHARE = 0.2


class Rank(NamedTuple):
    """How good a cut before a passage is; the least is the best. Equals are told apart by the text
    around them, as boundaries are."""

    nearness: int  # minus the distance
    boundary: tuple[Level, int]


@dataclass(frozen=True, slots=True)
class Passage:
    """`distance`: from the passage before it, in whole steps; of the first of a run it is none."""

    start: int
    text: str
    distance: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


class TopicCutter:
    """For one run of passages, which meet. Holds those of a few chunks."""

    def __init__(self, *, size: int, overlap: int) -> None:
        self._size = size
        self._overlap = overlap
        self._longest = longest_of(size, overlap)
        self._shortest = int(self._longest * WINDOW_SHARE)
        self._radius = int(size * RADIUS_SHARE)
        self._held: deque[Passage] = deque()
        self._ranks: deque[Rank] = deque()
        self._run_start: int | None = None
        self._cut = 0  # where the next span begins
        self._previous = 0  # where the latest began

    def push(self, passage: Passage) -> Iterator[Span]:
        """The next passage, which begins where the one before ended."""
        if self._run_start is None:
            self._run_start = self._cut = self._previous = passage.start
        self._ranks.append(_rank(self._held[-1].text if self._held else "", passage))
        self._held.append(passage)
        # What is known of a passage needs its neighbours behind.
        if len(self._held) > NEIGHBOURS:
            known = self._held[-1 - NEIGHBOURS].start
            if known - self._cut >= self._longest + self._shortest + self._radius:
                yield from self._spans(known, ended=False)

    def close(self) -> Iterator[Span]:
        """The run ends here; nothing more may be pushed."""
        if self._held:
            yield from self._spans(self._held[-1].end, ended=True)

    def _spans(self, known: int, *, ended: bool) -> Iterator[Span]:
        landmarks = deque(self._landmarks(known, ended=ended))
        ahead = self._longest + self._shortest + self._radius
        while self._cut < known and (ended or known - self._cut >= ahead):
            while landmarks and landmarks[0] <= self._cut:
                landmarks.popleft()
            goal = landmarks[0] if landmarks else known if ended else None
            cut = self._next_cut(goal)
            yield self._span(cut)
            self._previous, self._cut = self._cut, cut
        self._forget()

    def _landmarks(self, known: int, *, ended: bool) -> Iterator[int]:
        held, ranks = list(self._held), list(self._ranks)
        for number, passage in enumerate(held):
            at = passage.start
            from_start, to_end = at - (self._run_start or 0), known - at
            if from_start < self._radius or (to_end < self._radius and ended) or to_end <= 0:
                continue
            near = slice(max(0, number - NEIGHBOURS), number + NEIGHBOURS + 1)
            if not _stands_out(passage.distance, [p.distance for p in held[near]]):
                continue
            rivals = (
                rank
                for other, rank in zip(held[near], ranks[near], strict=True)
                if other is not passage and abs(other.start - at) <= self._radius
            )
            if all(ranks[number] < rival for rival in rivals):
                yield at

    def _next_cut(self, goal: int | None) -> int:
        after = self._cut
        rest = None if goal is None else goal - after
        if goal is not None and rest is not None and rest <= self._longest:
            return goal
        low, high = self._shortest, self._longest
        if rest is not None and rest < self._longest + self._shortest:
            low, high = int(rest * LAST_TWO_SHARE), int(rest * (1 - LAST_TWO_SHARE))
        places = [
            (rank, passage.start)
            for passage, rank in zip(self._held, self._ranks, strict=True)
            if after + low <= passage.start <= after + high
        ]
        if places:
            return min(places)[1]
        # Passages are a fraction of a chunk, so some place is before that.
        return max(p.start for p in self._held if after < p.start <= after + high)

    def _span(self, cut: int) -> Span:
        start = self._cut
        room = min(self._overlap, self._size - (cut - start), start - self._previous)
        if room > 0:
            start = self._overlap_start(room)
        return Span(start, self._text(start, cut), self._cut - start)

    def _overlap_start(self, room: int) -> int:
        """Whole sentences; words, where sentences are long."""
        origin = max(self._held[0].start, self._cut - room - LOOKBACK - CONTEXT)
        boundaries = Boundaries(self._text(origin, self._cut + CONTEXT))
        first, last = self._cut - room - origin, self._cut - origin - 1
        found = [boundary.at for boundary in boundaries.strong(first, last)]
        if last + 1 - min(found, default=last + 1) < room / 2:
            found = boundaries.word_places(first, last)
        return origin + min(found, default=last + 1)

    def _text(self, start: int, end: int) -> str:
        held = [p for p in self._held if p.start < end and p.end > start]
        text = "".join(p.text for p in held)
        return text[start - held[0].start : end - held[0].start] if held else ""

    def _forget(self) -> None:
        """Keep the neighbours of what may be a landmark yet, and what may be repeated."""
        behind = min(self._previous, self._cut - max(self._radius, self._overlap))
        behind -= LOOKBACK + CONTEXT
        while len(self._held) > NEIGHBOURS and self._held[NEIGHBOURS].end <= behind:
            self._held.popleft()
            self._ranks.popleft()


def _rank(before: str, passage: Passage) -> Rank:
    tail = before[-LOOKBACK:]
    boundary = Boundaries(tail + passage.text[:CONTEXT]).judge(len(tail))
    return Rank(-passage.distance, (boundary.level, boundary.hash))


def _stands_out(distance: int, neighbours: list[int]) -> bool:
    ordered = sorted(neighbours)
    upper = ordered[min(int(len(ordered) * PERCENTILE), len(ordered) - 1)]
    return distance > 0 and distance >= upper and distance >= OUTSTANDING * median_low(ordered)
