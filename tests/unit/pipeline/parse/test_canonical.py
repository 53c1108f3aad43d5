"""The kept form of a parsed document: all of it, or an error."""

from pathlib import Path

import pytest

from pipeline.document import Block, BlockKind, Box, ParseSummary, Position, TablePart
from pipeline.parse.canonical import (
    CanonicalFileBroken,
    CanonicalWriter,
    canonical_text,
    read_blocks,
    read_ending,
)

BLOCKS = [
    Block("Title", BlockKind.HEADING, 0, "", ("Title",), Position(1, None, 2, Box(1, 2.5, 3, 4))),
    Block(
        "Ä row 🥖",
        BlockKind.ROW,
        7,
        "\n\n",
        ("Title", "Rows"),
        Position(2, "Sheet", 9),
        TablePart((("Loaf", ""), ("Ä", "row 🥖")), begins=True),
    ),
]
SUMMARY = ParseSummary("text/plain", "reader", 2, 14, ("invalid_lines",))


def written(path: Path) -> Path:
    with CanonicalWriter(path) as writer:
        for block in BLOCKS:
            writer.write(block)
        writer.finish(SUMMARY)
    return path


def test_blocks_and_summary_come_back_as_they_were(tmp_path: Path) -> None:
    path = written(tmp_path / "canonical")

    assert list(read_blocks(path)) == BLOCKS
    assert read_ending(path) == (SUMMARY, [])
    assert canonical_text(read_blocks(path)) == "Title\n\nÄ row 🥖"


def test_a_file_that_was_never_finished_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "canonical"
    with CanonicalWriter(path) as writer:
        writer.write(BLOCKS[0])

    with pytest.raises(CanonicalFileBroken):
        list(read_blocks(path))


def test_a_file_cut_short_is_broken(tmp_path: Path) -> None:
    path = written(tmp_path / "canonical")
    path.write_bytes(path.read_bytes()[:-12])

    with pytest.raises(CanonicalFileBroken):
        read_ending(path)
