"""What is embedded with a chunk and is no part of it: headings, and the header of a table."""

from dataclasses import replace

import pytest

from pipeline.chunk import ChunkSettings
from pipeline.chunk.registry import STRATEGIES
from pipeline.document import Block, BlockKind
from unit.pipeline.chunk.documents import canonical, chunks_of, table

HEADER = "| city | people |\n| --- | --- |\n"
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES)


def settings_of(strategy: str, *, heading_prefix: bool = False) -> ChunkSettings:
    return ChunkSettings(strategy, 150, 0, heading_prefix)


@each_strategy
def test_with_a_heading_prefix_the_headings_come_before_the_text_and_not_into_it(
    strategy: str,
) -> None:
    block = Block("Some words. " * 60, BlockKind.PARAGRAPH, 0, "", ("Report", "The\n North"))

    plain = chunks_of([block], settings_of(strategy))
    prefixed = chunks_of([block], settings_of(strategy, heading_prefix=True))

    assert {chunk.context for chunk in plain} == {""}
    assert {chunk.context for chunk in prefixed} == {"Report > The North\n"}
    assert [replace(chunk, context="") for chunk in prefixed] == plain


@each_strategy
def test_a_table_is_cut_between_rows_and_each_part_knows_the_header(strategy: str) -> None:
    blocks = [Block(table(90), BlockKind.TABLE, 0, "", ("Cities",))]

    first, *others = chunks_of(blocks, settings_of(strategy))

    assert len(others) > 3
    assert (first.text[: len(HEADER)], first.context) == (HEADER, "")
    for chunk in others:
        assert chunk.context == HEADER
        assert chunk.text.startswith("| town")
        assert chunk.text.endswith(" |")


def test_the_parts_in_which_a_long_table_arrives_share_its_header() -> None:
    text = table(40)
    half = text.index("\n", len(text) // 2)
    blocks = [
        Block(text[:half], BlockKind.TABLE, 0, ""),
        Block(text[half:], BlockKind.TABLE, half, ""),
    ]

    chunks = chunks_of(blocks, settings_of("recursive"))

    assert canonical(blocks) == text
    assert {chunk.context for chunk in chunks[1:]} == {HEADER}


def test_a_second_table_has_its_own_header() -> None:
    text = table(12)
    other = text.replace("city", "lake").replace("town", "water")
    blocks = [
        Block(text, BlockKind.TABLE, 0, ""),
        Block(other, BlockKind.TABLE, len(text) + 2, "\n\n"),
    ]

    chunks = chunks_of(blocks, settings_of("recursive"))

    of_second = [chunk for chunk in chunks if chunk.text.startswith("| water")]
    assert {chunk.context for chunk in of_second} == {HEADER.replace("city", "lake")}


def test_headings_and_a_header_stand_in_this_order() -> None:
    block = Block(table(40), BlockKind.TABLE, 0, "", ("Cities",))

    chunks = chunks_of([block], settings_of("recursive", heading_prefix=True))

    assert chunks[-1].context == "Cities\n" + HEADER


def test_context_leaves_room_for_the_text() -> None:
    path = tuple(f"A heading of many words, number {n}" for n in range(30))
    block = Block("Some words. " * 60, BlockKind.PARAGRAPH, 0, "", path)

    chunks = chunks_of([block], settings_of("recursive", heading_prefix=True), input_tokens=64)

    assert {chunk.context for chunk in chunks} == {""}
