"""Scans through real parser children: page by page, within limits of their own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from data.pictures import encoded, picture
from pipeline.document import Block, PageReason, ParseSummary
from pipeline.errors import ParserOutOfMemory
from pipeline.parse.limits import MIB, ParseLimits
from pipeline.parse.pool import ParserPool

PAGES = ("First loaf", "Second loaf", "Third loaf")
# Of a child that has the parsers loaded, and one that has recognised a page: 150 MB, 300 MB.
BETWEEN = 220 * MIB
DEMO = Path(__file__).parents[2] / "data" / "demo"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.pdf"
    path.write_bytes(encoded([picture((text,), size=(480, 200)) for text in PAGES], "PDF"))
    return path


@pytest.fixture
async def pool(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ParserPool]:
    pool = ParserPool(children=1, limits=request.param, scratch=tmp_path / "scratch")
    await pool.start()
    yield pool
    await pool.close()


async def read(pool: ParserPool, path: Path) -> tuple[ParseSummary, list[list[Block]]]:
    async with pool.parse(path, file_name=path.name, content_type=None) as parsing:
        batches = [batch async for batch in parsing]
    return parsing.summary, batches


def children() -> set[int]:
    templates = [
        process
        for process in psutil.Process().children()
        if "pipeline.parse.template" in process.cmdline()
    ]
    return {child.pid for template in templates for child in template.children()}


@pytest.mark.parametrize(
    "pool", [ParseLimits(memory_bytes=BETWEEN, ocr_memory_bytes=1024 * MIB)], indirect=True
)
async def test_a_scan_arrives_page_by_page_with_the_memory_it_needs_and_the_next_file_without(
    pool: ParserPool, scan: Path
) -> None:
    before = children()

    async with pool.parse(scan, file_name="scan.pdf", content_type=None) as parsing:
        batches = [
            [(block.position.page, block.text) for block in batch] async for batch in parsing
        ]
    summary = parsing.summary

    assert batches == [[(page, text)] for page, text in enumerate(PAGES, 1)]
    assert [(note.page, note.reason) for note in summary.page_notes] == [
        (page, PageReason.OCR) for page in (1, 2, 3)
    ]
    assert all(note.confidence and note.confidence > 0.9 for note in summary.page_notes)
    assert (summary.page_count, summary.pages_with_text, summary.pages_by_ocr) == (3, 3, 3)
    _, of_another_file = await read(pool, DEMO / "welcome.txt")
    assert of_another_file
    async with asyncio.timeout(10):
        while before & children():  # noqa: ASYNC110  a process of others has no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "pool", [ParseLimits(memory_bytes=BETWEEN, ocr_memory_bytes=BETWEEN)], indirect=True
)
async def test_a_scan_that_needs_more_memory_than_it_may_have_is_stopped(
    pool: ParserPool, scan: Path
) -> None:
    with pytest.raises(ParserOutOfMemory):
        await read(pool, scan)


@pytest.mark.parametrize(
    "pool", [ParseLimits(wall_seconds=3.0, cpu_seconds=1, ocr_page_seconds=60)], indirect=True
)
async def test_every_recognised_page_adds_its_seconds_to_those_of_the_document(
    pool: ParserPool, tmp_path: Path
) -> None:
    path = tmp_path / "long.tiff"
    path.write_bytes(encoded([picture(PAGES * 3)] * 5, "TIFF"))

    summary, _ = await read(pool, path)

    assert summary.pages_by_ocr == 5
