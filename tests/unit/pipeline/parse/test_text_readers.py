"""Text, CSV, JSON and JSON Lines: streamed, in any encoding, every block with its place."""

import codecs
import json
from pathlib import Path

import pytest

from pipeline.document import BlockKind
from pipeline.errors import DocumentCorrupt, TooLarge
from pipeline.parse.canonical import canonical_text
from pipeline.parse.layout import clean
from unit.pipeline.parse.conftest import Parse

DATA = Path(__file__).parents[3] / "data"


def test_the_canonical_text_of_a_text_file_is_the_file_with_plain_line_ends(parse: Parse) -> None:
    blocks, summary = parse(b"\r\nOne\r\ntwo\r\r\n\n\n\nThree\0\n \n\nfour \n\n", "a.txt")

    assert canonical_text(blocks) == "\nOne\ntwo\n\n\n\n\nThree\n \n\nfour \n\n"
    assert summary.media_type == "text/plain"


def test_a_paragraph_carries_the_line_it_starts_in(parse: Parse) -> None:
    blocks, _ = parse("One\ntwo\n\n\nFive\n\nSeven\n", "a.txt")

    assert [(b.text.strip(), b.position.line) for b in blocks] == [
        ("One\ntwo", 1),
        ("Five", 5),
        ("Seven", 7),
    ]


def test_a_paragraph_of_megabytes_leaves_in_small_blocks_with_true_lines(parse: Parse) -> None:
    text = "".join(f"line {number:06}\n" for number in range(1, 150_001))

    blocks, _ = parse(text, "a.log")

    assert canonical_text(blocks) == text
    assert max(len(block.text) for block in blocks) <= 16 * 1024
    for block in blocks:
        leading = len(block.text) - len(block.text.lstrip("\n"))
        number = int(block.text[leading + 5 : leading + 11])
        assert block.position.line is not None
        assert block.position.line + leading == number


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_every_usual_encoding_is_recognised(parse: Parse, encoding: str) -> None:
    text = "Crème brûlée, à emporter, déjà prête."

    blocks, _ = parse(text.encode(encoding), "a.txt")

    assert canonical_text(blocks) == text


def test_a_few_damaged_bytes_do_not_make_utf_8_another_encoding(parse: Parse) -> None:
    blocks, _ = parse("Grüße aus Köln ".encode() + b"\xff" + " für alle".encode(), "a.txt")

    assert canonical_text(blocks) == "Grüße aus Köln \ufffd für alle"


@pytest.mark.parametrize("content", [b"", b" \n\n\t\n", codecs.BOM_UTF8], ids=["0", "blank", "bom"])
def test_a_file_without_text_ends_well_and_says_so(parse: Parse, content: bytes) -> None:
    blocks, summary = parse(content, "a.txt")

    assert blocks == []
    assert summary.warnings == (("no_text_found",) if content else ("empty_file",))


def test_a_document_of_more_characters_than_allowed_is_too_large(parse: Parse) -> None:
    with pytest.raises(TooLarge):
        parse("word " * 1_300_000, "a.txt")


def test_a_row_names_its_columns_and_its_line(parse: Parse) -> None:
    content = 'name,price\n"rye, dark",4\n\n"two\nlines",5,extra\n,\n'

    blocks, _ = parse(content, "a.csv")

    assert [(b.kind, b.text, b.position.line) for b in blocks] == [
        (BlockKind.ROW, "name: rye, dark\nprice: 4", 2),
        (BlockKind.ROW, "name: two\nlines\nprice: 5\ncolumn 3: extra", 4),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_whatever_the_name_says(parse: Parse, delimiter: str) -> None:
    rows = [["name", "price"], ["rye", "4"], ["spelt", "5"]]

    blocks, _ = parse("\n".join(delimiter.join(row) for row in rows), "a.csv")

    assert [b.text for b in blocks] == ["name: rye\nprice: 4", "name: spelt\nprice: 5"]


def test_a_table_that_starts_with_data_has_numbered_columns(parse: Parse) -> None:
    blocks, _ = parse("rye,4\nspelt,5\n", "a.csv")

    assert blocks[0].text == "column 1: rye\ncolumn 2: 4"


def test_a_table_in_utf_16_is_read(parse: Parse) -> None:
    blocks, _ = parse(DATA / "utf-16.csv")

    assert [b.text for b in blocks] == ["Brot: Roggen\nPreis: 4,20 €"]


def test_a_quote_that_never_closes_is_an_error_not_one_endless_cell(parse: Parse) -> None:
    with pytest.raises(DocumentCorrupt):
        parse('a,b\n"' + "x,y\n" * 4_500_000, "a.csv")


def test_each_line_of_json_lines_is_a_record_and_broken_ones_are_text(parse: Parse) -> None:
    content = '{"a": {"b": 1}, "tags": ["x", "y"]}\nnot json\n\n{"a": null, "c": true}\n'

    blocks, summary = parse(content, "a.jsonl")

    assert [(b.kind, b.text, b.position.line) for b in blocks] == [
        (BlockKind.RECORD, "a.b: 1\ntags: x, y", 1),
        (BlockKind.PARAGRAPH, "not json", 2),
        (BlockKind.RECORD, "c: true", 4),
    ]
    assert summary.warnings == ("invalid_lines",)


def test_a_file_without_one_valid_line_is_corrupt(parse: Parse) -> None:
    with pytest.raises(DocumentCorrupt):
        parse("nothing\nof it\n", "a.jsonl")


def test_records_of_a_json_document_carry_their_path(parse: Parse) -> None:
    content = """{"shop": "Larkspur", "open": true,
        "address": {"street": "Larkspur Street", "number": 4},
        "orders": [{"item": "rye", "tags": ["dark", "large"]}, {"item": "knot", "by": {"n": 1}}]}"""

    blocks, _ = parse(content, "a.json")

    assert [(b.heading_path, b.position.path, b.text) for b in blocks] == [
        ((), "$", "shop: Larkspur\nopen: true"),
        (("address",), "$.address", "address.street: Larkspur Street\naddress.number: 4"),
        (("orders[0]",), "$.orders[0]", "item: rye\ntags: dark, large"),
        (("orders[1]",), "$.orders[1]", "item: knot\nby.n: 1"),
    ]


def test_a_part_of_a_record_carries_the_innermost_path_that_holds_it(parse: Parse) -> None:
    items = [{"sku": f"loaf {n}", "the price": "x" * 3_000} for n in range(3)]

    blocks, _ = parse(json.dumps({"orders": [{"lines": items}, {"a b": {"c": 1}}]}), "a.json")

    assert [b.position.path for b in blocks] == [
        "$.orders[0].lines",
        "$.orders[0].lines[2]",
        '$.orders[1]["a b"]',
    ]


def test_a_number_of_thousands_of_digits_is_read_as_it_stands(parse: Parse) -> None:
    digits = "9" * 5_000

    [block], _ = parse('{"a": ' + digits + "}", "a.json")

    assert block.text == f"a: {digits}"


@pytest.mark.parametrize("content", ['{"a": ', '{"a": 1]', "[" * 100_000, "[1, 2,, 3]"])
def test_json_that_is_none_is_corrupt(parse: Parse, content: str) -> None:
    with pytest.raises(DocumentCorrupt):
        parse(content, "a.json")


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    assert clean("x\ud800y") == "x\ufffdy"
