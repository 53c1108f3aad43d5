"""What the length of a text is counted in.

A ruler measures a stretch of text that was cut out of a longer one. What it says of a place must
depend on the text near it alone: on less than `MARGIN` characters, from either side.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from typing import ClassVar, Protocol

import regex

from pipeline.embed.tokens import load_encoding

# Longer runs of one kind are weighed character by character, since their tokens may change with an
# edit anywhere in them.
RUN_CHARS_MAX = 48
WEIGHTS_KEPT = 65_536  # words of a language come again and again

# As cl100k splits a text before it looks for tokens, but for long numbers: those it splits by three
# from their beginning, which may be anywhere.
_RUNS = regex.compile(
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]++[\r\n]*"
    r"|\s*[\r\n]|\s+(?!\S)|\s+"
)


class Ruler(Protocol):
    """Of one stretch of text."""

    def mark(self, at: int) -> int:
        """What is before a place."""
        ...

    def reach(self, mark: int) -> int:
        """The last place that no more than this is before."""
        ...

    def back(self, mark: int) -> int:
        """The first place that no less than this is before."""
        ...


class RulerKind(Protocol):
    MARGIN: int
    CHARACTERS: int  # that one unit stands for, about

    def __call__(self, text: str, /) -> Ruler: ...


class Characters:
    """Code points, as offsets count them."""

    MARGIN: ClassVar[int] = 32
    CHARACTERS: ClassVar[int] = 1

    def __init__(self, text: str = "") -> None: ...

    def mark(self, at: int) -> int:
        return at

    def reach(self, mark: int) -> int:
        return mark

    def back(self, mark: int) -> int:
        return mark


CHARACTERS = Characters()


class Tokens:
    """Tokens of cl100k, nearly: exact for words, and too many for long runs without a blank."""

    MARGIN: ClassVar[int] = 2 * RUN_CHARS_MAX
    CHARACTERS: ClassVar[int] = 4

    def __init__(self, text: str) -> None:
        self._starts = list(_starts(text))
        self._end = len(text)

    def mark(self, at: int) -> int:
        return bisect_left(self._starts, at)

    def reach(self, mark: int) -> int:
        if mark < 0:
            return -1
        return self._starts[mark] if mark < len(self._starts) else self._end

    def back(self, mark: int) -> int:
        return self.reach(mark - 1) + 1


def _starts(text: str) -> Iterator[int]:
    """Where each token begins; those of one run are spread evenly over it."""
    for match in _RUNS.finditer(text):
        begin, run = match.start(), match.group()
        if len(run) > RUN_CHARS_MAX:
            for at, character in enumerate(run, begin):
                yield from (at for _ in range(_weight(character)))
            continue
        weight = _weight(run)
        # A blank belongs to the token of the word after it, and a cut between them to the word.
        begin += run[0] == " " and len(run) > 1
        length = match.end() - begin
        yield from (begin + number * length // weight for number in range(weight))


@lru_cache(WEIGHTS_KEPT)
def _weight(run: str) -> int:
    return len(load_encoding().encode(run, disallowed_special=()))
