"""Cuts where the subject changes: where the vectors of neighbouring passages are far apart.

A text is first cut, as everywhere by itself alone, into *passages* of a sentence or a few. Their
vectors are asked for, and of these only the distances between neighbours matter, in whole steps:
a provider that rounds otherwise at the next call cuts in the same places but where a distance lies
on the edge of a step. Whoever resumes must not rely on more than that (see `needs_vectors`).
"""

from collections.abc import Iterator, Sequence
from math import sqrt

from pipeline.chunk.cutting import Cutter, Span, longest_of
from pipeline.chunk.fitting import Limits
from pipeline.chunk.placing import Placer
from pipeline.chunk.recursive import place_of
from pipeline.chunk.settings import ChunkSettings
from pipeline.chunk.topics import Passage, TopicCutter
from pipeline.document import Block, Chunk

PASSAGE_CHARS_MAX = 300  # two or three sentences: enough to have a subject
PASSAGES_PER_CHUNK = 4  # at least, or there would be no choice between them
PASSAGES_AT_ONCE = 100  # asked for together; some 20,000 characters
STEPS = 64  # of a distance of 1


class SemanticChunker:
    """Holds the blocks and the passages of a few chunks, and those that wait for vectors.

    After each `feed` and `finish`, until `texts` is None, the vectors go to `learn`.
    """

    def __init__(self, settings: ChunkSettings, limits: Limits) -> None:
        self._settings = settings
        self._placer = Placer(settings, limits)
        longest = longest_of(settings.size, settings.overlap)
        self._passage_size = max(1, min(PASSAGE_CHARS_MAX, longest // PASSAGES_PER_CHUNK))
        self._passages = self._new_passages()
        self._topics = self._new_topics()
        self._waiting: list[Span | None] = []  # None where a run ends
        self._asked = 0  # how many of these wait for the vectors of `texts`
        self._vector: Sequence[float] | None = None  # of the latest passage of the run
        self._last: Block | None = None
        self._ended = False

    def feed(self, block: Block) -> Iterator[Chunk]:
        """None: all come from `learn`."""
        text, start = block.separator + block.text, block.char_start - len(block.separator)
        if self._last is not None and place_of(self._last) != place_of(block):
            self._end_run()
            text, start = block.text, block.char_start
        self._last = block
        self._placer.add(block)
        self._waiting += self._passages.push(text, start)
        return iter(())

    def finish(self) -> Iterator[Chunk]:
        """None: all come from `learn`."""
        self._end_run()
        self._ended = True
        return iter(())

    def texts(self) -> list[str] | None:
        """Of the passages whose vectors are wanted next; None while too few are there."""
        self._asked = min(len(self._waiting), PASSAGES_AT_ONCE)
        if not self._asked or (self._asked < PASSAGES_AT_ONCE and not self._ended):
            return None
        return [span.text for span in self._waiting[: self._asked] if span and span.text.strip()]

    def learn(self, vectors: Sequence[Sequence[float]]) -> Iterator[Chunk]:
        """The chunks that the vectors of `texts`, in their order, complete."""
        coming = iter(vectors)
        asked, self._waiting = self._waiting[: self._asked], self._waiting[self._asked :]
        self._asked = 0
        for span in asked:
            if span is None:
                yield from self._placer.chunks(self._topics.close())
                self._topics, self._vector = self._new_topics(), None
                continue
            vector = next(coming) if span.text.strip() else self._vector
            distance = _distance(self._vector, vector)
            self._vector = vector
            yield from self._placer.chunks(
                self._topics.push(Passage(span.start, span.text, distance))
            )

    def _end_run(self) -> None:
        self._waiting += self._passages.close()
        self._waiting.append(None)
        self._passages = self._new_passages()

    def _new_passages(self) -> Cutter:
        return Cutter(size=self._passage_size, overlap=0)

    def _new_topics(self) -> TopicCutter:
        return TopicCutter(size=self._settings.size, overlap=self._settings.overlap)


def _distance(one: Sequence[float] | None, other: Sequence[float] | None) -> int:
    """From 0 for one direction to 2 * STEPS for opposite ones; 0 where there is nothing before."""
    if one is None or other is None:
        return 0
    product = sum(a * b for a, b in zip(one, other, strict=True))
    length = sqrt(sum(a * a for a in one) * sum(b * b for b in other))
    return round((1 - product / length) * STEPS) if length else 0
