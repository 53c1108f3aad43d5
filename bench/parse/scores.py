"""How near one Markdown comes to another: reading order, tables, headings; 1.0 is the same.

Order is the Indel similarity of the two sequences of words: twice their longest common subsequence
over both lengths. Tables are the F1 of pairs of neighbouring cells, headings that of their texts.
What Markdown writes around a text, marks of style and where links lead, is no part of it.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from pipeline.parse.pdf.agreement import similarity, words

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")
_LINK = re.compile(r"!?\[((?:\\.|[^\[\]\\]|\[[^\[\]]*\])*)\]\((?:\\.|[^()\\]|\([^()]*\))*\)")
_STYLE = re.compile(r"(?<!\\)(?:\*{1,3}|~~|`{1,3})")
_HEADING = re.compile(r"#{1,6}\s+(.+)")
_RULE = re.compile(r"\|?(?:\s*:?-+:?\s*\|)+\s*:?-*:?\s*")
_CELL_END = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True, slots=True)
class Scores:
    """None where the known answer has nothing of the kind."""

    order: float
    tables: float | None
    headings: float | None


def scores(markdown: str, truth: str) -> Scores:
    """Of one document."""
    expected_cells, expected_headings = Counter(_neighbours(truth)), Counter(_headings(truth))
    return Scores(
        order=similarity(_words(markdown), _words(truth)),
        tables=_f1(Counter(_neighbours(markdown)), expected_cells) if expected_cells else None,
        headings=_f1(Counter(_headings(markdown)), expected_headings)
        if expected_headings
        else None,
    )


def _plain(markdown: str) -> str:
    text = _LINK.sub(r"\1", _COMMENT.sub(" ", markdown))
    return _ESCAPE.sub(r"\1", html.unescape(_STYLE.sub("", text)))


def _words(markdown: str) -> list[str]:
    return words(_plain(markdown))


def _f1(found: "Counter[object]", expected: "Counter[object]") -> float:
    total = found.total() + expected.total()
    return 2 * (found & expected).total() / total if total else 1.0


def _headings(markdown: str) -> Iterator[object]:
    for line in _COMMENT.sub("", markdown).splitlines():
        if found := _HEADING.match(line.strip()):
            yield " ".join(_plain(found.group(1)).split())


def _neighbours(markdown: str) -> Iterator[object]:
    for table in _tables(markdown.splitlines()):
        for row in table:
            yield from (("right", *pair) for pair in pairwise(row))
        for above, below in pairwise(table):
            yield from (("below", *pair) for pair in zip_longest(above, below, fillvalue=""))


def _tables(lines: Iterable[str]) -> Iterator[list[list[str]]]:
    """Consecutive lines of bars, the second of which is a rule."""
    rows: list[str] = []
    for line in (*lines, ""):
        if line.lstrip().startswith("|"):
            rows.append(line.strip())
            continue
        if len(rows) > 1 and _RULE.fullmatch(rows[1]):
            yield [_cells(row) for row in (rows[0], *rows[2:])]
        rows = []


def _cells(row: str) -> list[str]:
    inner = row.removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [" ".join(_plain(cell).split()) for cell in _CELL_END.split(inner)]
