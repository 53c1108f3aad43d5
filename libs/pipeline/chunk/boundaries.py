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
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import regex

PARAGRAPH, LINE, SENTENCE, WORD, CLUSTER = range(5)

# How many characters tell one place from another, on each of its sides.
CONTEXT = 32
# How far back from a place its level is read; longer runs of blanks are all the same.
LOOKBACK = 64
MARGIN = LOOKBACK + CONTEXT

_STRONG = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？｡][」』”’）]*\s*|\n\s*")
_WORD = re.compile(r"(?<=\s)\S")
_CLUSTER = regex.compile(r"\X")
_CLOSING = "\"'”’)]」』）"
_EXTENDING_FIRST = "\u0300"  # no character before this one joins the one that it follows


class Boundary(NamedTuple):
    """A place between two characters. The least is the best; of equals, the one further on."""

    level: int
    hash: int
    back: int  # minus its index

    @property
    def at(self) -> int:
        return -self.back


class Boundaries:
    """Those of a stretch of text. The first and last `MARGIN` characters only lend context."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._strong = list(self._find_strong())

    def best(self, first: int, last: int, *, after: int) -> Boundary | None:
        """The best from `first` to `last`, both included; one beyond `after`, if those fail.

        None if there is neither a blank nor the end of a sentence after `after`.
        """
        for begin, of in ((first, min), (after + 1, max)):
            found = self._strong_between(begin, last) if of is min else self._all(begin, last)
            found = found or list(self._words(begin, last))
            if found:
                return min(found) if of is min else max(found, key=lambda boundary: boundary.at)
        return None

    def earliest(self, first: int, end: int, *, level: int) -> int:
        """The first place from `first` on that is as good as `level`; `end` if there is none."""
        candidates = self._strong_between(first, end - 1)
        if level >= WORD:
            candidates += self._words(first, end - 1)
        if level >= CLUSTER:
            candidates += self._clusters(first, end - 1, since=first)
        return min((b.at for b in candidates if b.level <= level), default=end)

    def best_cluster(self, first: int, last: int, *, after: int) -> Boundary | None:
        """Between what reads as one character and the next; `after` is such a place."""
        found = list(self._clusters(after + 1, last, since=after))
        return min((b for b in found if b.at >= first), default=found[-1] if found else None)
