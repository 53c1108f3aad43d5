"""What one chunk may hold, whatever strategy cut it, and how a longer one is parted.

Strategies aim at sizes of their own. These limits are those of the store's field and of the model,
which refuses what is longer or, worse, reads its beginning and says nothing.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.chunk.boundaries import Boundaries
from pipeline.chunk.cutting import LAST_TWO_SHARE, Span
from pipeline.embed.tokens import count_tokens
from pipeline.store.rows import TEXT_BYTES_MAX

Fits = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Limits:
    """`input_tokens`: of an embedded text, its context included. `own_tokens`: of a chunk's text,
    where its size is counted in tokens. Both of cl100k.
    """

    input_tokens: int
    own_tokens: int | None = None
    text_bytes: int = TEXT_BYTES_MAX

    def hold(self, text: str, context: str = "") -> bool:
        # A token has at least one byte: most texts are seen to fit without counting.
        text_bytes = len(text.encode(errors="replace"))
        if text_bytes > self.text_bytes:
            return False
        if self.own_tokens is not None and text_bytes > self.own_tokens < count_tokens(text):
            return False
        whole = text_bytes + len(context.encode(errors="replace"))
        return whole <= self.input_tokens or count_tokens(context + text) <= self.input_tokens


def without_repetition(span: Span, fits: Fits) -> Span:
    """With as much of what it repeats as fits, in whole words; none of it if that is too much."""
    places = Boundaries(span.text).word_places(1, span.repeated - 1)
    # The further on a span begins, the shorter it is.
    found = bisect_left(places, True, key=lambda at: fits(span.text[at:]))
    start = places[found] if found < len(places) else span.repeated
    return Span(span.start + start, span.text[start:], span.repeated - start)


def halves(span: Span) -> Iterator[Span]:
    """Two parts, cut at the best place around the middle."""
    length = len(span.text)
    boundaries = Boundaries(span.text)
    first = max(int(length * LAST_TWO_SHARE), 1)
    last = max(int(length * (1 - LAST_TWO_SHARE)), first)
    found = boundaries.strong(first, last) or boundaries.words(first, last)
    if not found:
        clusters = boundaries.clusters(0, length - 1)
        found = [b for b in clusters if first <= b.at <= last] or clusters
    # One character that is longer than a chunk may be.
    at = min(found).at if found else length // 2
    yield Span(span.start, span.text[:at])
    yield Span(span.start + at, span.text[at:])
