"""Every sample file through a real pool, down to chunks that name their page."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, ParseSummary
from pipeline.parse.canonical import canonical_text
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool

DEMO = Path(__file__).parents[2] / "data" / "demo"


@pytest.fixture(scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ParserPool]:
    """One for all tests here: none of them harms it."""
    scratch = tmp_path_factory.mktemp("scratch")
    pool = ParserPool(children=1, limits=ParseLimits(), scratch=scratch)
    await pool.start()
    yield pool
    await pool.close()


async def read(pool: ParserPool, path: Path) -> tuple[list[Block], ParseSummary]:
    async with pool.parse(path, file_name=path.name, content_type=None) as parsing:
        blocks = [block async for batch in parsing for block in batch]
    return blocks, parsing.summary


@pytest.mark.parametrize("path", sorted(DEMO.iterdir()), ids=lambda path: path.name)
async def test_a_sample_file_comes_through_the_pool_whole(pool: ParserPool, path: Path) -> None:
    blocks, summary = await read(pool, path)

    assert summary.warnings == ()
    assert summary.char_count == len(canonical_text(blocks)) > 0


async def test_the_chunk_that_answers_a_question_names_its_page(pool: ParserPool) -> None:
    blocks, _ = await read(pool, DEMO / "oven-manual.pdf")
    text = canonical_text(blocks)

    chunker = chunker_for(ChunkSettings())
    chunks = [chunk for block in blocks for chunk in chunker.feed(block)] + list(chunker.finish())

    answers = [chunk for chunk in chunks if "warranty of seven years" in chunk.text]
    assert [chunk.position.page for chunk in answers] == [2]
    assert all(text[chunk.char_start : chunk.char_end] == chunk.text for chunk in chunks)
