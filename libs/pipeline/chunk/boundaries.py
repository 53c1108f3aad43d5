"""Where a text may be cut, and how good a place each is: judged by the text around it alone.

A paragraph's end is better than a line's, that better than a sentence's, a word's, a character's.
Among equals a hash of the surrounding characters decides. It means nothing, but it is the same
wherever the text stands in a document and whatever was written before it, so after an edit the
same places are chosen again.
"""

import re
import zlib
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from itertools import pairwise
from typing import NamedTuple

import regex

from pipeline.chunk.rulers import CHARACTERS, Ruler

# How many characters on each side tell one place from another.
CONTEXT = 32
# How far back the level of a place is read; more blanks than these are as good as these.
LOOKBACK = 64

_STRONG = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？｡][」』”’）]*\s*|\n\s*")
_WORD = re.compile(r"(?<=\s)\S")
_CLUSTER = regex.compile(r"\X")
_CLOSING = "\"'”’)]」』）"
_EXTENDING_FIRST = "\u0300"  # no character before this one joins the one it follows


class Level(IntEnum):
    """What ends at a boundary."""

    PARAGRAPH = 0
    LINE = 1
    SENTENCE = 2
    WORD = 3
    CLUSTER = 4  # what a reader sees as one character


class Boundary(NamedTuple):
    """A place before a character. The least is the best; of equals, the one further on."""

    level: Level
    hash: int
    back: int  # minus its index

    @property
    def at(self) -> int:
        return -self.back


class Boundaries:
    """Those of a stretch of text; indices count from its beginning.

    What stands at its very ends is judged by what is there: a caller that holds only a part of a
    text asks for no place within LOOKBACK and CONTEXT of where that part was cut off.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._strong = list(self._find_strong())
        self._places = [boundary.at for boundary in self._strong]

    def strong(self, first: int, last: int) -> list[Boundary]:
        """Ends of paragraphs, lines and sentences, from `first` to `last`, both included."""
        return self._strong[bisect_left(self._places, first) : bisect_right(self._places, last)]

    def words(self, first: int, last: int) -> list[Boundary]:
        """Ends of words, those of paragraphs, lines and sentences among them."""
        return [self._boundary(Level.WORD, at) for at in self.word_places(first, last)]

    def word_places(self, first: int, last: int) -> list[int]:
        """Where these are, for less than it takes to judge them."""
        found = _WORD.finditer(self._text, max(first, 1), max(last, 0) + 1)
        return [match.start() for match in found if self._clean(match.start())]

    def clusters(self, begin: int, last: int) -> list[Boundary]:
        """Between what reads as one character and the next; something must end at `begin`."""
        # The last one that was read may go on after it.
        *ends, _ = [begin, *(m.end() for m in _CLUSTER.finditer(self._text, begin, last + CONTEXT))]
        return [self._boundary(Level.CLUSTER, at) for at in ends[1:] if at <= last]

    def local_bests(self, radius: int, ruler: Ruler = CHARACTERS) -> list[Boundary]:
        """In order: what is better than everything within `radius` on both sides.

        They depend on nothing further away, and are more than `radius` apart from each other.
        """
        mark = ruler.mark
        found = list(_minima(self._strong, radius, ruler))
        edges = [0, *self._places, len(self._text)]
        for begin, end in pairwise(edges):
            first, last = mark(begin) + radius, mark(end) - radius
            if first < last:  # room for a word with no end of a sentence in sight
                words = _minima(self.words(begin + 1, end - 1), radius, ruler)
                found += [b for b in words if first < mark(b.at) < last]
        return sorted(found, key=lambda boundary: boundary.at)

    def judge(self, at: int) -> Boundary:
        """The boundary at a place, whatever ends there."""
        return self._boundary(self._level(at), at)

    def _find_strong(self) -> Iterator[Boundary]:
        for match in _STRONG.finditer(self._text):
            at = match.end()
            if at < len(self._text) and self._clean(at):
                level = self._level(at)
                if level < Level.WORD:
                    yield self._boundary(level, at)

    def _level(self, at: int) -> Level:
        before = self._text[max(0, at - LOOKBACK) : at]
        said = before.rstrip()
        lines = before.count("\n", len(said))
        if lines:
            return Level.LINE if lines == 1 else Level.PARAGRAPH
        end = said.rstrip(_CLOSING)[-1:]
        if end and (end in "。！？｡" or (end in ".!?…" and len(said) < len(before))):
            return Level.SENTENCE
        return Level.WORD

    def _boundary(self, level: Level, at: int) -> Boundary:
        around = self._text[max(0, at - CONTEXT) : at + CONTEXT]
        return Boundary(level, zlib.crc32(around.encode(errors="replace")), -at)

    def _clean(self, at: int) -> bool:
        """Whether no accent or the like, which belongs to the character before, comes next."""
        return (
            self._text[at] < _EXTENDING_FIRST
            or _CLUSTER.match(self._text[at - 1 : at + 1]).end() == 1
        )


def _minima(boundaries: list[Boundary], radius: int, ruler: Ruler) -> Iterator[Boundary]:
    """One pass: `rivals` holds those in reach that nothing after them in reach beats."""
    rivals: deque[tuple[Boundary, int]] = deque()
    marked = [(boundary, ruler.mark(boundary.at)) for boundary in boundaries]
    ahead = iter([*marked, None])
    coming = next(ahead)
    for boundary, mark in marked:
        while coming is not None and coming[1] <= mark + radius:
            while rivals and rivals[-1][0] > coming[0]:
                rivals.pop()
            rivals.append(coming)
            coming = next(ahead)
        while rivals[0][1] < mark - radius:
            rivals.popleft()
        if rivals[0][0] is boundary:
            yield boundary
