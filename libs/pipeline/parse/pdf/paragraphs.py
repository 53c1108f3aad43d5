"""Lines to paragraphs: what is set as one block, with the words joined that a line end broke."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.document import Box, around
from pipeline.parse.pdf.ligatures import is_right_to_left
from pipeline.parse.pdf.lines import Line

PITCH = 1.2  # lines of a page too short to tell: a fifth of the size between them
PITCH_RANGE = (0.7, 3.0)  # what may be the distance of lines at all, in sizes
PITCH_SLACK = 1.22  # over the page's usual distance begins another paragraph
SIZE_SLACK = 0.05  # of the size: rounding, and words of another font in a line
INDENT = 0.8  # in sizes
LINES_MAX = 400  # of a paragraph: more are lines of a list, and each is compared with all before
WORD_CHARACTERS_MAX = 100

_ITEM = re.compile(r"(?:[•◦▪‣∙●○■□➢➤✓]|[-–—*]\s)\s*\S|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s+\S")
_BULLET = re.compile(r"[•◦▪‣∙●○■□➢➤✓\-–—*]\s*")
# Written without blanks.
_UNSPACED = re.compile("[\u2e80-\u31ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_LAST_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*[-\u2010\u00ad]?$")
_FIRST_WORD = re.compile(r"[^\W\d_]+")
_HYPHENS = "-\u2010\u00ad"


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together, in order."""

    lines: list[Line]
    text: str

    @property
    def box(self) -> Box:
        return around(line.box for line in self.lines)

    @property
    def size(self) -> float:
        return max(line.size for line in self.lines)

    @property
    def is_bold(self) -> bool:
        return all(line.is_bold for line in self.lines)

    @property
    def font(self) -> bytes:
        return self.lines[0].font

    @property
    def is_item(self) -> bool:
        return _ITEM.match(self.text) is not None


def paragraphs(lines: Sequence[Line], vocabulary: Collection[str]) -> Iterator[Paragraph]:
    """Of one page. `vocabulary`: the document's words, by which a hyphen is judged."""
    pitch = usual_pitch(lines)
    group: list[Line] = []
    for line in lines:
        if group and (len(group) >= LINES_MAX or not _goes_on(group, line, pitch)):
            yield Paragraph(group, joined(group, vocabulary))
            group = []
        group.append(line)
    if group:
        yield Paragraph(group, joined(group, vocabulary))


def usual_pitch(lines: Sequence[Line]) -> float:
    """The most frequent distance of lines of one size, in sizes."""
    least, most = PITCH_RANGE
    pitches = Counter(
        round((after.depth - before.depth) / before.size, 1)
        for before, after in pairwise(lines)
        if _is_same_style(before, after) and before.begin < after.end and after.begin < before.end
    )
    frequent = [(count, -pitch) for pitch, count in pitches.items() if least <= pitch <= most]
    return -max(frequent)[1] if frequent else PITCH


def _is_same_style(one: Line, other: Line) -> bool:
    return (
        one.turn == other.turn
        and one.is_bold == other.is_bold
        and abs(one.size - other.size) <= SIZE_SLACK * max(one.size, 0.1)
    )


def _goes_on(group: list[Line], line: Line, pitch: float) -> bool:
    last = group[-1]
    if not _is_same_style(last, line):
        return False
    size = max(last.size, 0.1)
    step = (line.depth - last.depth) / size
    if abs(step) < PITCH_RANGE[0] / 2 and not _ITEM.match(line.text):
        return _follows_in_line(last, line)
    if not PITCH_RANGE[0] / 2 <= step <= pitch * PITCH_SLACK:
        return False
    if line.begin > max(each.end for each in group) or line.end < min(e.begin for e in group):
        return False
    return not _ITEM.match(line.text) and not _is_indented(group, line)


def _follows_in_line(last: Line, line: Line) -> bool:
    """Parts of one line, such as runs around a formula; not cells, which stand further apart."""
    if is_right_to_left(last.text):
        return 0 <= last.begin - line.end + last.size <= 3 * last.size
    return 0 <= line.begin - last.end + last.size <= 3 * last.size


def _is_indented(group: list[Line], line: Line) -> bool:
    """Whether it begins a paragraph: it stands in from the lines before, and is not centred."""
    if len(group) < 2:
        return False
    body = group[1:]
    size = line.size
    if is_right_to_left(line.text):
        indent = max(each.end for each in body) - line.end
    else:
        indent = line.begin - min(each.begin for each in body)
    last = group[-1]
    is_centred = abs((line.begin + line.end) - (last.begin + last.end)) < size
    return indent > INDENT * size and not is_centred


def joined(lines: Iterable[Line], vocabulary: Collection[str]) -> str:
    """One text, with a blank for every line end that is one."""
    text, is_broken = "", False
    for line in lines:
        text = _join(text, line.text, is_broken, vocabulary) if text else line.text
        is_broken = line.is_broken
    return text


def _join(text: str, line: str, is_broken: bool, vocabulary: Collection[str]) -> str:
    if is_broken and text[-1] not in _HYPHENS:
        text += "-"  # PDFium has taken it
    if text[-1] in _HYPHENS and len(text) > 1 and text[-2].isalpha():
        before, after = _LAST_WORD.search(text[-WORD_CHARACTERS_MAX:]), _FIRST_WORD.match(line)
        if before and after and not _keeps_hyphen(before.group(), after.group(), vocabulary):
            return text[:-1] + line
        return text.removesuffix("\u00ad") + line if before and after else f"{text} {line}"
    if _UNSPACED.match(text[-1]) and _UNSPACED.match(line):
        return text + line
    return f"{text} {line}"


def _keeps_hyphen(before: str, after: str, vocabulary: Collection[str]) -> bool:
    """`Hyphen-ation` is one word, `well-known` stays; the document's own words decide first."""
    if before.endswith("\u00ad"):
        return False
    stem = before[:-1]
    if (stem + after).casefold() in vocabulary:
        return False
    if f"{stem}-{after}".casefold() in vocabulary:
        return True
    return not after[0].islower() or "-" in stem or len(stem) == 1


def item_text(text: str) -> str:
    """With a bullet as all formats have it."""
    found = _BULLET.match(text)
    return f"- {text[found.end() :]}" if found and found.end() < len(text) else text
