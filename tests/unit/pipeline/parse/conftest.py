"""A way to read a file in this very process, as a child does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.document import Block, ParseSummary
from pipeline.parse.limits import ParseLimits
from pipeline.parse.reading import Reading

Parsed = tuple[list[Block], ParseSummary]
Parse = Callable[..., Parsed]

LIMITS = ParseLimits(pages_max=3, characters_max=6_000_000)


@pytest.fixture
def parse(tmp_path: Path) -> Parse:
    """`parse(content, "name.txt")` or `parse(path)`; checks the offsets of every block."""

    def run(
        source: bytes | str | Path,
        name: str = "",
        content_type: str | None = None,
        limits: ParseLimits = LIMITS,
    ) -> Parsed:
        path = source if isinstance(source, Path) else tmp_path / "document"
        if not isinstance(source, Path):
            path.write_bytes(source.encode() if isinstance(source, str) else source)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        reading = Reading(
            path,
            file_name=name or path.name,
            content_type=content_type,
            limits=limits,
            scratch=scratch,
        )
        blocks = list(reading)
        end = 0
        for block in blocks:
            assert block.char_start == end + len(block.separator)
            end = block.char_end
        assert reading.summary.char_count == end
        return blocks, reading.summary

    return run
