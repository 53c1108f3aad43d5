"""What becomes of a sheet's blanks and merged cells: a text to read, and the table as it was."""

import zipfile
from pathlib import Path

import pytest
from bench.parse.rendering import markdown_of

from data.make_samples import write_xlsx
from pipeline.document import Block, BlockKind
from pipeline.errors import DocumentCorrupt
from unit.pipeline.parse.conftest import Parse

OPENING: list[list[str | float]] = [
    ["Shop", "May", "June", "July", "Remark"],
    ["Harbour", "open", "open", "open", ""],
    ["Market", "closed", "", "open", ""],
    ["Only in the old town", "", "", "", ""],
    ["Castle", "open", "", "open", ""],
]
MERGED = ("B3:C3", "A4:E4")


def of_sheet(parse: Parse, tmp_path: Path, *sheets: list[list[str | float]]) -> list[Block]:
    path = tmp_path / "shops.xlsx"
    write_xlsx(path, {f"Sheet {at}": rows for at, rows in enumerate(sheets)}, merged=MERGED)
    blocks, _ = parse(path)
    return blocks


def test_a_merged_cell_is_told_of_each_of_its_columns_and_of_a_whole_row_once(
    parse: Parse, tmp_path: Path
) -> None:
    blocks = of_sheet(parse, tmp_path, OPENING)

    texts = {block.position.line: block.text for block in blocks}
    assert texts[3] == "Shop: Market\nMay: closed\nJune: closed\nJuly: open"
    assert texts[4] == "Shop: Only in the old town"


def test_the_name_of_a_column_without_a_value_is_not_lost(parse: Parse, tmp_path: Path) -> None:
    blocks = of_sheet(parse, tmp_path, OPENING)

    assert [block.text for block in blocks if "Remark" in block.text] == [
        "Shop | May | June | July | Remark"
    ]
    assert blocks[0].position.line == 1


def test_the_parts_of_the_blocks_are_the_tables_as_the_sheets_have_them(
    parse: Parse, tmp_path: Path
) -> None:
    blocks = of_sheet(parse, tmp_path, OPENING, [["Loaf", "Loaf"], ["rye", "spelt"]])

    parts = [block.table for block in blocks if block.table is not None]
    assert [part.begins for part in parts] == [True, *[False] * 4, True]
    assert [row for part in parts for row in part.rows] == [
        ("Shop", "May", "June", "July", "Remark"),
        ("Harbour", "open", "open", "open", ""),
        ("Market", "closed", "closed", "open", ""),
        ("Only in the old town",) * 5,
        ("Castle", "open", "", "open", ""),
        ("Loaf", "Loaf"),
        ("rye", "spelt"),
    ]
    assert "| Market | closed | closed | open |  |" in markdown_of(blocks)


def test_a_table_that_would_grow_beyond_measure_is_kept_as_text_alone(
    parse: Parse, tmp_path: Path
) -> None:
    wide: list[str | float] = ["x" * 4_000, "", "", "", "y"]
    blocks = of_sheet(parse, tmp_path, [["a", "b", "c", "d", "e"], ["1"], ["2"], wide])

    assert [block.table for block in blocks] == [None] * len(blocks)
    assert "x" * 4_000 in blocks[-1].text


def test_a_sheet_whose_bytes_are_damaged_is_corrupt(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "shops.xlsx"
    write_xlsx(path, {"Shops": OPENING})
    with zipfile.ZipFile(path) as package:
        sheet = package.getinfo("xl/worksheets/sheet1.xml")
    damaged = bytearray(path.read_bytes())
    damaged[sheet.header_offset + 100] ^= 0xFF
    path.write_bytes(damaged)

    with pytest.raises(DocumentCorrupt):
        parse(path)


def test_a_signature_says_that_it_is_one_and_whose(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "contract.md"
    path.write_text("Signed:\n\n<signature>\nAda Baker\n</signature>\n\nThe end.\n", "utf-8")

    blocks, _ = parse(path)

    assert [(block.kind, block.text) for block in blocks] == [
        (BlockKind.PARAGRAPH, "Signed:"),
        (BlockKind.CAPTION, "Signature"),
        (BlockKind.PICTURE_TEXT, "Ada Baker"),
        (BlockKind.PARAGRAPH, "The end."),
    ]
