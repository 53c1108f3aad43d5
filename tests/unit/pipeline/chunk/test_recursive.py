"""The recursive strategy: sizes, offsets, boundaries, positions."""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind, Chunk, Position

SMALL = ChunkSettings(size=100, overlap=20)


def blocks_of(text: str, cuts: Sequence[int] = ()) -> list[Block]:
    """The text as paragraph blocks that meet at the cuts."""
    bounds = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [
        Block(text[begin:end], BlockKind.PARAGRAPH, begin, "") for begin, end in pairwise(bounds)
    ]


def chunks_of(blocks: Sequence[Block], chosen: ChunkSettings = SMALL) -> list[Chunk]:
    chunker = chunker_for(chosen)
    chunks = [chunk for block in blocks for chunk in chunker.feed(block)]
    return [*chunks, *chunker.finish()]


def laid_out(*drafts: tuple[str, Position, tuple[str, ...]]) -> list[Block]:
    blocks: list[Block] = []
    end = 0
    for text, position, headings in drafts:
        separator = "\n\n" if blocks else ""
        start = end + len(separator)
        blocks.append(Block(text, BlockKind.PARAGRAPH, start, separator, headings, position))
        end = start + len(text)
    return blocks


TEXTS = st.text(st.sampled_from("ab \n\né漢"), max_size=800)
ANY_TEXT = st.text(max_size=400)
SCRAPS = ["a", "word", " ", "\n", "\n\n", ". ", "。", "\u0301", " " * 70]
LONG_TEXTS = st.builds(
    lambda scraps, seed: "".join(Random(seed).choices(scraps, k=1_500)),
    st.lists(st.sampled_from(SCRAPS), min_size=2),
    st.integers(0, 9),
)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(TEXTS | LONG_TEXTS, CUTS)
@settings(max_examples=80, deadline=None)
def test_chunks_are_the_same_however_the_text_arrives(text: str, cuts: list[int]) -> None:
    at_once = chunks_of(blocks_of(text))

    chunks = chunks_of(blocks_of(text, cuts))

    assert [(c.char_start, c.text) for c in chunks] == [(c.char_start, c.text) for c in at_once]


@given(ANY_TEXT, CUTS, st.integers(100, 150), st.integers(0, 99))
@settings(max_examples=300, deadline=None)
def test_every_chunk_stands_where_it_says_and_none_is_too_long_or_blank(
    text: str, cuts: list[int], size: int, overlap: int
) -> None:
    chunks = chunks_of(blocks_of(text, cuts), ChunkSettings(size=size, overlap=overlap))

    for number, chunk in enumerate(chunks):
        assert chunk.ordinal == number
        assert text[chunk.char_start : chunk.char_end] == chunk.text
        assert 0 < len(chunk.text) <= size
        assert chunk.text.strip()


@given(ANY_TEXT, CUTS)
@settings(max_examples=300, deadline=None)
def test_every_character_that_is_no_blank_is_in_some_chunk(text: str, cuts: list[int]) -> None:
    chunks = chunks_of(blocks_of(text, cuts))

    covered = {at for chunk in chunks for at in range(chunk.char_start, chunk.char_end)}
    assert all(text[at].isspace() for at in range(len(text)) if at not in covered)


@pytest.mark.parametrize(
    "cluster",
    ["👩‍👩‍👧‍👦", "e\u0301", "🇳🇴", "한", "क्षि"],
    ids=["family", "accent", "flag", "hangul", "indic"],
)
def test_a_word_without_end_is_never_cut_within_what_reads_as_one_character(cluster: str) -> None:
    text = cluster * 200
    boundaries = {match.end() for match in regex.finditer(r"\X", text)} | {0}

    chunks = chunks_of(blocks_of(text))

    assert len(chunks) > 1
    assert {c.char_start for c in chunks} | {c.char_end for c in chunks} <= boundaries


def test_an_accent_after_a_blank_opens_no_chunk_without_its_blank() -> None:
    text = "word \u0301" * 200

    chunks = chunks_of(blocks_of(text))

    assert not any(chunk.text.startswith("\u0301") for chunk in chunks)


def test_one_cluster_longer_than_a_chunk_is_cut_rather_than_kept() -> None:
    text = "a" + "\u0301" * 1_000

    chunks = chunks_of(blocks_of(text))

    assert all(len(chunk.text) <= SMALL.size for chunk in chunks)
    assert chunks[-1].char_end == len(text)


def test_neighbours_overlap_by_as_many_words_as_fit() -> None:
    text = " ".join(f"word{number:02}" for number in range(60))

    first, second, *_ = chunks_of(blocks_of(text))

    overlap = text[second.char_start : first.char_end]
    assert 0 < len(overlap) <= SMALL.overlap
    assert overlap.split() == [word for word in second.text.split() if word in first.text]


def test_chunks_never_span_two_pages() -> None:
    pages = [(f"Page {n} is short.", Position(page=n), ()) for n in (1, 2, 3)]

    chunks = chunks_of(laid_out(*pages))

    assert [(c.text, c.position.page) for c in chunks] == [
        (f"Page {n} is short.", n) for n in (1, 2, 3)
    ]


def test_small_blocks_of_one_page_are_packed_into_one_chunk() -> None:
    position = Position(page=4)

    chunks = chunks_of(laid_out(("One.", position, ()), ("Two.", position, ())))

    assert [chunk.text for chunk in chunks] == ["One.\n\nTwo."]


def test_a_chunk_carries_the_headings_and_the_place_of_the_block_it_starts_in() -> None:
    first = ("a " * 60, Position(page=1, line=1), ("Intro",))
    second = ("b " * 60, Position(page=1, line=9), ("Intro", "Detail"))

    chunks = chunks_of(laid_out(first, second))

    starts_in_second = [c for c in chunks if c.text.startswith("b")]
    assert chunks[0].heading_path == ("Intro",)
    assert {c.heading_path for c in starts_in_second} == {("Intro", "Detail")}
    assert {c.position.line for c in starts_in_second} == {9}


def test_within_a_long_paragraph_the_line_is_that_of_the_chunks_first_character() -> None:
    text = "\n".join(f"line {number:03} of the log" for number in range(1, 40))

    chunks = chunks_of(laid_out((text, Position(line=1), ())))

    assert [c.position.line for c in chunks] == [int(c.text[5:8]) for c in chunks]


def test_a_chunk_fits_its_field_in_bytes_at_the_largest_size() -> None:
    text = "𝒳" * 20_000

    chunks = chunks_of(blocks_of(text), ChunkSettings(size=8_000, overlap=0))

    assert max(len(chunk.text.encode()) for chunk in chunks) <= 60_000


def test_chunks_leave_before_the_document_ends() -> None:
    chunker = chunker_for(SMALL)
    block = Block("word " * 10_000, BlockKind.PARAGRAPH, 0, "")

    early = list(chunker.feed(block))

    assert len(early) > 400


@pytest.mark.parametrize(("size", "overlap"), [(99, 0), (8_001, 0), (200, 200), (200, -1)])
def test_settings_outside_their_range_are_refused(size: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="chunk size"):
        ChunkSettings(size=size, overlap=overlap)


def test_an_unknown_strategy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"'magic'.*recursive"):
        chunker_for(ChunkSettings(strategy="magic"))
