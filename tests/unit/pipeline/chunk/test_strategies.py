"""What holds for the chunks of every strategy, whatever the document."""

from dataclasses import replace

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.chunk.registry import STRATEGIES
from pipeline.chunk.settings import sizes_of
from pipeline.document import Block, BlockKind, Chunk
from pipeline.embed.tokens import count_tokens
from pipeline.store.rows import TEXT_BYTES_MAX
from unit.pipeline.chunk.documents import (
    canonical,
    chunks_of,
    hashed,
    learnt,
    random_document,
)

SEEDS = st.integers(0, 10_000)
SHARES = st.floats(0, 1)

each_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


def small(strategy: str, size_share: float = 0, overlap_share: float = 0.2) -> ChunkSettings:
    least = sizes_of(strategy).least
    size = int(least * (1 + size_share))
    return ChunkSettings(strategy, size, int((size - 1) * overlap_share))


@each_strategy
@given(SEEDS, SHARES, SHARES)
@settings(max_examples=25, deadline=None)
def test_every_chunk_stands_where_it_says_within_its_size(
    strategy: str, seed: int, size_share: float, overlap_share: float
) -> None:
    blocks = random_document(seed)
    chosen = small(strategy, size_share, overlap_share)
    length = count_tokens if strategy == "token" else len

    chunks = chunks_of(blocks, chosen)

    text = canonical(blocks)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert text[chunk.char_start : chunk.char_end] == chunk.text
        assert chunk.text.strip()
        assert length(chunk.text) <= chosen.size


@each_strategy
@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_everything_is_in_some_chunk_and_no_cut_parts_what_reads_as_one_character(
    strategy: str, seed: int
) -> None:
    blocks = random_document(seed)
    text = canonical(blocks)
    boundaries = {0, *(match.end() for match in regex.finditer(r"\X", text))}
    # Where blocks meet a mark may join what is before, and blanks around a chunk are not kept.
    boundaries |= {block.char_start for block in blocks} | {block.char_end for block in blocks}
    chosen = small(strategy)
    length = count_tokens if strategy == "token" else len
    # What nearly fills a chunk is parted like anything else, for tokens are counted in advance of
    # the cut, and rather too many than too few.
    for match in regex.finditer(r"\X", text):
        if length(match.group()) >= chosen.size / 2:
            boundaries |= set(range(*match.span()))

    chunks = chunks_of(blocks, chosen)

    covered = {at for chunk in chunks for at in range(chunk.char_start, chunk.char_end)}
    assert all(text[at].isspace() for at in range(len(text)) if at not in covered)
    for chunk in chunks:
        assert chunk.char_start in boundaries or text[chunk.char_start - 1].isspace()
        assert chunk.char_end in boundaries or text[chunk.char_end].isspace()


@each_strategy
@given(SEEDS)
@settings(max_examples=8, deadline=None)
def test_chunks_are_the_same_however_a_paragraph_arrives(strategy: str, seed: int) -> None:
    whole = [Block(canonical(random_document(seed, blocks=30)), BlockKind.PARAGRAPH, 0, "", ("A",))]
    parts = [
        replace(whole[0], text=whole[0].text[at : at + 37], char_start=at)
        for at in range(0, len(whole[0].text), 37)
    ]

    arriving = chunks_of(parts, small(strategy))

    assert [(c.char_start, c.text) for c in arriving] == [
        (c.char_start, c.text) for c in chunks_of(whole, small(strategy))
    ]


@each_strategy
@given(SEEDS)
@settings(max_examples=15, deadline=None)
def test_no_chunk_holds_text_of_two_pages(strategy: str, seed: int) -> None:
    blocks = random_document(seed)

    chunks = chunks_of(blocks, small(strategy))

    for chunk in chunks:
        pages = {
            block.position.page
            for block in blocks
            if block.char_start < chunk.char_end and block.char_end > chunk.char_start
        }
        assert pages == {chunk.position.page}


@each_strategy
@given(SEEDS, st.booleans())
@settings(max_examples=15, deadline=None)
def test_no_chunk_is_more_than_the_model_reads(
    strategy: str, seed: int, heading_prefix: bool
) -> None:
    chosen = replace(small(strategy, 2), heading_prefix=heading_prefix)

    chunks = chunks_of(random_document(seed), chosen, input_tokens=40)

    assert max(count_tokens(chunk.context + chunk.text) for chunk in chunks) <= 40


@each_strategy
def test_a_chunk_fits_its_field_in_bytes_at_the_largest_size(strategy: str) -> None:
    text = ("word " + " " * 45) * 4_000 + "𝒳" * 20_000
    chosen = ChunkSettings(strategy, sizes_of(strategy).most, 0)

    chunks = chunks_of([Block(text, BlockKind.PARAGRAPH, 0, "")], chosen)

    assert max(len(chunk.text.encode()) for chunk in chunks) <= TEXT_BYTES_MAX


@each_strategy
def test_chunks_leave_before_the_document_ends(strategy: str) -> None:
    chunker = chunker_for(small(strategy))
    block = Block("Some words. " * 1_300, BlockKind.PARAGRAPH, 0, "")
    early: list[Chunk] = []

    for number in range(3):
        early += chunker.feed(replace(block, char_start=number * len(block.text)))
        early += learnt(chunker, hashed)

    assert early[-1].char_end > 2 * len(block.text)
