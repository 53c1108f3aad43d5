"""Two faults of right-to-left text as PDFium gives it: halves of ligatures, and lost blanks.

A ligature is one glyph of two letters, which PDFium lists in the order they are seen in: lam and
alef become alef and lam. Both have the glyph's box, and so are told from the article. Between
words of both directions the blank is often no character but a distance, and always a border of
words to whoever searches.
"""

import re
from collections.abc import Callable

CharBox = Callable[[int], tuple[float, float, float, float]]  # left, bottom, right, top

_RIGHT_TO_LEFT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_ANY = re.compile(f"[{_RIGHT_TO_LEFT}]")
_LIGATURE = re.compile("[\u0622\u0623\u0625\u0627]\u0644")
_BORDER = re.compile(rf"(?<=[A-Za-z])(?=[{_RIGHT_TO_LEFT}])|(?<=[{_RIGHT_TO_LEFT}])(?=[A-Za-z])")


def is_right_to_left(text: str) -> bool:
    """Whether most of its letters are."""
    return 2 * len(_ANY.findall(text)) > sum(map(str.isalpha, text))


def in_reading_order(text: str, char_box: CharBox) -> str:
    """The text of a line; `char_box` gives the box of the character at an index of it."""
    if text.isascii() or not _ANY.search(text):
        return text
    letters = list(text)
    for found in _LIGATURE.finditer(text):
        at = found.start()
        if char_box(at) == char_box(at + 1):
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return _BORDER.sub(" ", "".join(letters))
