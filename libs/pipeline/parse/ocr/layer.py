"""The text layer of a page: what it says, what of that can be believed, and what joins it."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipeline.document import Box
from pipeline.parse.source import Draft

GIBBERISH_SHARE = 0.2  # of characters that are none: the font does not tell what its glyphs mean
_NO_CHARACTERS = frozenset({"Cc", "Cn", "Co", "Cs"})


@dataclass(frozen=True, slots=True)
class TextLayer:
    """`drafts` are all of it. `sound` is None for a layer that is legible; else those of the lines
    that are, whose places are `boxes`."""

    drafts: list[Draft]
    sound: list[Draft] | None = None
    boxes: list[Box] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(draft.text for draft in self.drafts)


def is_gibberish(text: str) -> bool:
    """Whether a font of the text layer does not say which characters its glyphs are."""
    signs = "".join(text.split())
    if signs.isprintable() and "\ufffd" not in signs:
        return False  # most: looking at each sign takes longer than reading the page's lines
    none = sum(sign == "\ufffd" or unicodedata.category(sign) in _NO_CHARACTERS for sign in signs)
    return none > GIBBERISH_SHARE * len(signs)


def merged(layer: Sequence[Draft], found: Sequence[Draft]) -> list[Draft]:
    """Both in reading order: what was recognised goes behind the last draft of the layer that
    stands above it in its column; without one, before the first that is not above it."""
    at_place: list[list[Draft]] = [[] for _ in range(len(layer) + 1)]
    least = 0
    for draft in found:
        least = max(least, _place(layer, draft))  # those that were found keep their own order
        at_place[least].append(draft)
    whole = list(at_place[0])
    for draft, behind in zip(layer, at_place[1:], strict=True):
        whole += [draft, *behind]
    return whole


def _place(layer: Sequence[Draft], found: Draft) -> int:
    """How many of the layer's drafts go before it."""
    box = found.position.box
    if box is None:
        return 0
    boxes = [draft.position.box for draft in layer]
    above = [
        at
        for at, other in enumerate(boxes, start=1)
        if other is not None
        and (other.top + other.bottom) < (box.top + box.bottom)
        and other.left < box.right
        and box.left < other.right
    ]
    if above:
        return above[-1]
    below = (at for at, other in enumerate(boxes) if other is None or other.top > box.top)
    return next(below, len(boxes))
