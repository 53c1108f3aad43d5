"""Which paragraphs are headings, and which stand under which: told by size, weight and numbers."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.parse.pdf.lines import Page
from pipeline.parse.pdf.paragraphs import Paragraph

LARGER = 1.12  # than the text: the least by which a reader notices a heading
BOLD = 0.9  # a bold one may even be a little smaller
OTHER_FONT = 1.05  # in a font of its own
CHARACTERS_MAX = 200
BOLD_CHARACTERS_MAX = 120  # what is as large as the text and longer is an emphasis
LINES_MAX = 3

_NUMBERED = re.compile(
    r"(?:(?:chapter|section|part|appendix|annex)\s+)?"
    r"(?:\d+(?:\.\d+)*|[A-Z](?:\.\d+)*|[IVX]+)[.)]?\s",
    re.IGNORECASE,
)
_DEPTH = re.compile(r"(\d{1,3}(?:\.\d{1,3})*)[.)]?\s+\D")
_LETTERS = re.compile(r"[^\W\d_]")
_SENTENCE_END = re.compile(r"[.,;:!?{}。，；：]\s*$")
_TYPEWRITER = re.compile(rb"courier|mono|consol|typewriter|(?:cm|sf|ec)tt", re.IGNORECASE)
_LEADERS = re.compile(r"(?:\.\s?){4,}")  # a line of a table of contents


@dataclass(frozen=True, slots=True)
class TextStyle:
    """What most characters of the document are set in."""

    size: float = 10.0
    is_bold: bool = False
    font: bytes = b""


class TextStyles:
    """Counts the characters of every style, so that what is read later is judged by all before."""

    def __init__(self) -> None:
        self._characters: Counter[tuple[float, bool, bytes]] = Counter()

    def learn(self, pages: Iterable[Page]) -> None:
        for page in pages:
            for line in page.lines:
                style = (round(line.size * 2) / 2, line.is_bold, line.font)
                self._characters[style] += len(line.text)

    @property
    def usual(self) -> TextStyle:
        if not self._characters:
            return TextStyle()
        return TextStyle(*max(self._characters, key=lambda style: (self._characters[style], style)))


def is_heading(paragraph: Paragraph, text: TextStyle, *, was_named: bool = False) -> bool:
    """`was_named`: another engine takes the paragraph for a heading."""
    words = paragraph.text
    if _TYPEWRITER.search(paragraph.font) and not _TYPEWRITER.search(text.font):
        return False  # code
    if any(line.turn for line in paragraph.lines) or len(paragraph.lines) > LINES_MAX:
        return False
    if len(words) > CHARACTERS_MAX or len(_LETTERS.findall(words)) < 2 or _LEADERS.search(words):
        return False
    if paragraph.size >= LARGER * text.size:
        return not (len(words) > BOLD_CHARACTERS_MAX and _SENTENCE_END.search(words))
    is_set_off = (
        paragraph.is_bold and not text.is_bold and paragraph.size >= BOLD * text.size
    ) or (paragraph.font != text.font and paragraph.size >= OTHER_FONT * text.size)
    if not (is_set_off or was_named) or len(words) > BOLD_CHARACTERS_MAX:
        return False
    return _NUMBERED.match(words) is not None or not _SENTENCE_END.search(words)


class Outline:
    """The headings that what comes next stands under."""

    def __init__(self, headings: Iterable["_Heading"] = ()) -> None:
        self._open = list(headings)

    def copy(self) -> "Outline":
        """One that goes on from here by itself."""
        return Outline(self._open)

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(heading.text for heading in self._open)

    def add(self, paragraph: Paragraph) -> tuple[str, ...]:
        """The path of a new heading, itself included."""
        found = _DEPTH.match(paragraph.text)
        depth = found.group(1).count(".") + 1 if found else None
        text = " ".join(paragraph.text.split())
        new = _Heading(text, round(paragraph.size * 2) / 2, paragraph.is_bold, depth)
        while self._open and not self._open[-1].is_above(new):
            self._open.pop()
        self._open.append(new)
        return self.path


@dataclass(frozen=True, slots=True)
class _Heading:
    text: str
    size: float
    is_bold: bool
    depth: int | None  # of its number, 2 for 1.3

    def is_above(self, other: "_Heading") -> bool:
        if self.depth is not None and other.depth is not None:
            return self.depth < other.depth
        if abs(self.size - other.size) >= 0.5:
            return self.size > other.size
        return self.is_bold and not other.is_bold
