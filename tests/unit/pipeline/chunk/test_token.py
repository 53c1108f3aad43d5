"""The token strategy: sizes in tokens of cl100k, filled and overlapping as asked."""

from itertools import pairwise

import pytest

from pipeline.chunk import ChunkSettings
from pipeline.document import Block, BlockKind
from pipeline.embed.tokens import count_tokens
from unit.pipeline.chunk.documents import chunks_of

PROSE = " ".join(
    f"The {n}th of these sentences says, at some length, that nothing happened." for n in range(999)
)
CHINESE = "这是一个关于天气的句子，今天的风很大。" * 400
CODE = "\n".join(f"    value_{n} = compute(first={n}, second='{n * n}')" for n in range(600))


def paragraph(text: str) -> list[Block]:
    return [Block(text, BlockKind.PARAGRAPH, 0, "")]


@pytest.mark.parametrize(
    "text", [PROSE, CHINESE, CODE, "x1-" * 9_000], ids=["english", "chinese", "code", "one run"]
)
@pytest.mark.parametrize("size", [32, 128, 512])
def test_no_chunk_has_more_tokens_than_asked_for_and_most_are_well_filled(
    text: str, size: int
) -> None:
    chunks = chunks_of(paragraph(text), ChunkSettings("token", size, 0))

    counts = [count_tokens(chunk.text) for chunk in chunks]
    assert max(counts) <= size
    assert sum(counts) / len(counts) > size * 0.3


def test_neighbours_overlap_by_nearly_what_was_asked_for() -> None:
    chunks = chunks_of(paragraph(PROSE), ChunkSettings("token", 256, 48))

    overlaps = [
        count_tokens(PROSE[later.char_start : earlier.char_end])
        for earlier, later in pairwise(chunks)
    ]
    assert max(overlaps) <= 48 + 1  # a token may be two where a text ends within it
    assert sum(overlaps) / len(overlaps) > 20


def test_every_cut_of_prose_is_at_the_end_of_a_sentence() -> None:
    chunks = chunks_of(paragraph(PROSE), ChunkSettings("token", 128, 0))

    assert {chunk.text[-1] for chunk in chunks} == {"."}


def test_sizes_outside_the_range_of_tokens_are_refused() -> None:
    for size in (31, 2_001):
        with pytest.raises(ValueError, match="between 32 and 2000 tokens"):
            ChunkSettings("token", size, 0)
