"""How well two sequences of words agree in what they hold and in its order."""

import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Runs of letters and digits."""
    return _WORD.findall(text)


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """Twice the length of the longest common subsequence over both lengths; 1.0 is the same."""
    total = len(one) + len(other)
    return 2 * common_length(one, other) / total if total else 1.0


def common_length(one: Sequence[str], other: Sequence[str]) -> int:
    """Of the longest common subsequence: Hyyrö's method, a row of the table in one integer."""
    places: dict[str, int] = {}
    for at, word in enumerate(one):
        places[word] = places.get(word, 0) | (1 << at)
    mask = (1 << len(one)) - 1
    row = mask
    for word in other:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & mask
    return len(one) - row.bit_count()
