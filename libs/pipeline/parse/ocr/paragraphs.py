"""Joins the lines of a page to paragraphs, as far as their places and their ends tell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from pipeline.parse.ocr.columns import regions_in_order
from pipeline.parse.ocr.raster import Line

# In heights of a line: a wider gap within a row parts cells, a narrower one words.
CELL_GAP = 1.5
# Rows further apart than so many times what is usual begin anew; so do those of another size.
LEADING = 1.35
SIZE_RATIO = 1.5
SHORT_SHARE = 0.12  # a row that ends so much of the width early may be the last of a paragraph
_SENTENCE_END = re.compile(r"[.!?:;。！？]['\")\]”’»]?$")
_ITEM = re.compile(r"(?:[•·▪‣◦*–—-]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_HYPHENATED = re.compile(r"[^\W\d_][-\u00ad\u2010]$")
_LOWER_START = re.compile(r"[a-zß-öø-ÿα-ωа-я]")
# Scripts written without blanks.
_UNSPACED = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Edges as those of its lines; `confidence` is theirs, by their length."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float


@dataclass(frozen=True, slots=True)
class _Row:
    lines: list[Line]  # from the left

    @property
    def text(self) -> str:
        text = ""
        for before, line in zip([None, *self.lines], self.lines, strict=False):
            if before is not None:
                wide = line.left - before.right > CELL_GAP * self.height
                text += "\t" if wide else " "
            text += line.text
        return text

    @property
    def height(self) -> float:
        return max(line.height for line in self.lines)

    @property
    def middle(self) -> float:
        return sum(line.top + line.bottom for line in self.lines) / (2 * len(self.lines))

    @property
    def right(self) -> float:
        return self.lines[-1].right


def paragraphs(lines: list[Line]) -> list[Paragraph]:
    """In reading order."""
    return [
        _paragraph(rows) for region in regions_in_order(lines) for rows in _parted(_rows(region))
    ]


def _rows(region: list[Line]) -> list[_Row]:
    rows: list[list[Line]] = []
    for line in sorted(region, key=lambda line: line.top + line.bottom):
        middle = (line.top + line.bottom) / 2
        if rows and any(other.top < middle < other.bottom for other in rows[-1][:1]):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_Row(sorted(row, key=lambda line: line.left)) for row in rows]


def _parted(rows: list[_Row]) -> Iterator[list[_Row]]:
    if not rows:
        return
    steps = [after.middle - before.middle for before, after in pairwise(rows)]
    usual = median(steps) if steps else 0.0
    left = min(row.lines[0].left for row in rows)
    right = max(row.right for row in rows)
    early = right - SHORT_SHARE * (right - left)
    begin = 0
    for at in range(1, len(rows)):
        before, row = rows[at - 1], rows[at]
        if _begins_anew(before, row, leading=steps[at - 1] / max(usual, 1.0), early=early):
            yield rows[begin:at]
            begin = at
    yield rows[begin:]


def _begins_anew(before: _Row, row: _Row, *, leading: float, early: float) -> bool:
    table = "\t" in row.text
    if table != ("\t" in before.text):
        return True
    sizes = sorted((before.height, row.height))
    if leading > LEADING or sizes[1] > SIZE_RATIO * sizes[0]:
        return True
    if table:
        return False
    ended = before.right < early and _SENTENCE_END.search(before.text) is not None
    return ended or _ITEM.match(row.text) is not None


def _paragraph(rows: list[_Row]) -> Paragraph:
    lines = [line for row in rows for line in row.lines]
    weight = sum(len(line.text) for line in lines)
    text = rows[0].text
    for row in rows[1:]:
        text = f"{text}\n{row.text}" if "\t" in row.text else joined(text, row.text)
    return Paragraph(
        text,
        min(line.left for line in lines),
        min(line.top for line in lines),
        max(line.right for line in lines),
        max(line.bottom for line in lines),
        sum(line.confidence * len(line.text) for line in lines) / weight,
    )


def joined(text: str, following: str) -> str:
    """Two lines of a paragraph as one; a word that was parted between them is whole again."""
    if _HYPHENATED.search(text) and _LOWER_START.match(following):
        return text[:-1] + following
    if _UNSPACED.match(text[-1:]) and _UNSPACED.match(following):
        return text + following
    return f"{text} {following}"
