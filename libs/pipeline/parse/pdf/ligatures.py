"""Two faults of right-to-left text as PDFium gives it: halves of ligatures, and lost blanks.

A ligature is one glyph of two letters, which PDFium lists in the order they are seen in: lam and
alef become alef and lam. Both have the glyph's box, and so are told from the article. Between
words of both directions the blank is often no character but a distance.
"""

import re
from collections.abc import Callable

CharBox = Callable[[int], tuple[float, float, float, float]]  # left, bottom, right, top

_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_ANY = re.compile(f"[{_RIGHT_TO_LEFT}]")
_LIGATURE = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
_BORDER = re.compile(rf"(?<=[A-Za-z0-9])(?=[{_RIGHT_TO_LEFT}])|(?<=[{_RIGHT_TO_LEFT}])(?=[A-Za-z])")
_FOREIGN = re.compile(r"[A-Za-z0-9]+")
GAP_SHARE = 0.12  # of the height of a letter: narrower is a joint of two glyphs


def is_right_to_left(text: str) -> bool:
    """Whether most of its letters are."""
    return 2 * len(_ANY.findall(text)) > sum(map(str.isalpha, text))


def in_reading_order(text: str, char_box: CharBox) -> str:
    """The text of a line; `char_box` gives the box of the character at an index of it."""
    if text.isascii() or not _ANY.search(text):
        return text
    borders = [found.start() for found in _BORDER.finditer(text)]
    letters = list(text)
    for found in _LIGATURE.finditer(text):
        at = found.start()
        if char_box(at) == char_box(at + 1):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    for at in reversed(borders):
        if _are_apart(text, at, char_box):
            letters.insert(at, " ")
    return "".join(letters)


def _are_apart(text: str, border: int, char_box: CharBox) -> bool:
    """A run of Latin letters is seen as a whole, with its first letter at the far end."""
    foreign_is_before = text[border - 1].isascii()
    if foreign_is_before:
        begin = border
        while begin and _FOREIGN.fullmatch(text[begin - 1]):
            begin -= 1
        foreign, native = char_box(begin), char_box(border)
        gap = foreign[0] - native[2]
    else:
        end = border
        while end + 1 < len(text) and _FOREIGN.fullmatch(text[end + 1]):
            end += 1
        foreign, native = char_box(end), char_box(border - 1)
        gap = native[0] - foreign[2]
    return gap > GAP_SHARE * (foreign[3] - foreign[1])
