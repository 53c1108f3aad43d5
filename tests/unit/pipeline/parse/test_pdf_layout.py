"""What comes out of PDFs set in every way: order, paragraphs, headings, tables, furniture."""

import time
from pathlib import Path

import liteparse
import pytest

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind, Box, PageNote, PageReason
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType
from pipeline.parse.pdf.lines import Line
from pipeline.parse.pdf.reader import read_pdf
from pipeline.parse.pdf.table_grid import Cell, Table, completed
from pipeline.parse.source import Notes, Source
from support.pdfs import HEIGHT, WIDTH, Sheet, pdf_of
from unit.pipeline.parse.conftest import Parse

LEFT_COLUMN = [
    "The harbour rye takes thirty hours from",
    "the first feeding of the mother to the",
    "moment it leaves the oven, and nobody",
    "works at the oven alone.",
]
NOT = (False, False)  # bold, broken
RIGHT_COLUMN = [
    "A sack of flour weighs as much as a",
    "child of eight; two people carry it from",
    "the third sack on, with bent knees and",
    "a straight back.",
]
TABLE = [
    ["Product", "Weight", "Price"],
    ["Harbour rye", "3000 g", "14.50"],
    ["Wheat sourdough", "1000 g", "6.20"],
    ["Spelt and honey", "750 g", "5.80"],
    ["Plum slice", "180 g", "3.30"],
]


def texts(blocks: list[Block]) -> list[str]:
    return [block.text for block in blocks]


def table_sheet() -> Sheet:
    sheet = Sheet().lines(LEFT_COLUMN, 60, 80)
    for row, cells in enumerate(TABLE):
        for column, cell in enumerate(cells):
            sheet.line(cell, 60 + 150 * column, 160 + 16 * row)
    for row in range(len(TABLE) + 1):
        sheet.rule(55, 148 + 16 * row, 480)
    return sheet.lines(RIGHT_COLUMN, 60, 280)


def test_columns_are_read_one_after_the_other(parse: Parse) -> None:
    sheet = Sheet().lines(LEFT_COLUMN, 50, 100).lines(RIGHT_COLUMN, 320, 100)

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    assert texts(blocks) == [" ".join(LEFT_COLUMN), " ".join(RIGHT_COLUMN)]


def test_a_title_that_was_written_last_is_read_first(parse: Parse) -> None:
    sheet = Sheet().lines(LEFT_COLUMN, 50, 160).lines(RIGHT_COLUMN, 320, 160)
    sheet.line("Working rules of the bakery and of its shop", 50, 90, size=18)

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    assert texts(blocks)[0] == "Working rules of the bakery and of its shop"
    assert texts(blocks)[1:] == [" ".join(LEFT_COLUMN), " ".join(RIGHT_COLUMN)]


def test_a_paragraph_has_its_page_and_its_box(parse: Parse) -> None:
    first = Sheet().lines(LEFT_COLUMN, 50, 100)
    second = Sheet().lines(RIGHT_COLUMN, 320, 400)

    blocks, _ = parse(pdf_of(first, second), "a.pdf")

    position = blocks[1].position
    assert position.page == 2
    assert position.box is not None
    assert position.box.left == pytest.approx(320, abs=2)
    assert position.box.top == pytest.approx(400 - 8, abs=3)
    assert position.box.bottom == pytest.approx(400 + 3 * 12 + 2, abs=3)


def test_headings_are_told_by_size_weight_and_number(parse: Parse) -> None:
    sheet = Sheet().line("Handbook", 50, 60, size=20)
    sheet.line("1 Sourdough", 50, 100, size=14).lines(LEFT_COLUMN, 50, 120)
    sheet.line("1.1 Feeding", 50, 190, font="bold").lines(RIGHT_COLUMN, 50, 210)
    sheet.line("2 Complaints", 50, 290, size=14).lines(LEFT_COLUMN, 50, 310)

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    paths = [block.heading_path for block in blocks if block.kind is BlockKind.PARAGRAPH]
    assert paths == [
        ("Handbook", "1 Sourdough"),
        ("Handbook", "1 Sourdough", "1.1 Feeding"),
        ("Handbook", "2 Complaints"),
    ]


def test_code_and_sentences_in_bold_are_no_headings(parse: Parse) -> None:
    sheet = Sheet().lines(LEFT_COLUMN * 2, 50, 60)
    sheet.line("for loaf in oven: loaf.turn()", 50, 200, font="code", size=11)
    sheet.line("Never pour water on hot basalt.", 50, 240, font="bold")

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    assert not [block for block in blocks if block.kind is BlockKind.HEADING]


def test_a_table_is_one_block_of_markdown_between_its_neighbours(parse: Parse) -> None:
    blocks, _ = parse(pdf_of(table_sheet()), "a.pdf")

    assert [block.kind for block in blocks] == [
        BlockKind.PARAGRAPH,
        BlockKind.TABLE,
        BlockKind.PARAGRAPH,
    ]
    assert blocks[1].text.splitlines() == [
        "| Product | Weight | Price |",
        "| - | - | - |",
        "| Harbour rye | 3000 g | 14.50 |",
        "| Wheat sourdough | 1000 g | 6.20 |",
        "| Spelt and honey | 750 g | 5.80 |",
        "| Plum slice | 180 g | 3.30 |",
    ]
    box = blocks[1].position.box
    assert box is not None
    assert 140 < box.top < 165
    assert 215 < box.bottom < 235


@pytest.mark.parametrize("fault", [RuntimeError("broken"), KeyError("x"), MemoryError()])
def test_what_the_engine_for_tables_raises_costs_no_text(
    parse: Parse, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(self: object, source: object) -> None:
        raise fault

    monkeypatch.setattr(liteparse.LiteParse, "parse", fail)

    blocks, _ = parse(pdf_of(table_sheet()), "a.pdf")

    words = " ".join(texts(blocks))
    assert all(cell in words for row in TABLE for cell in row)
    assert " ".join(RIGHT_COLUMN) in texts(blocks)


def test_a_table_that_holds_other_words_than_the_page_is_not_taken(
    parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = liteparse.LiteParse.parse

    def invent(self: liteparse.LiteParse, source: Path) -> liteparse.ParseResult:
        result = real(self, source)
        for page in result.pages:
            for block in page.blocks or ():
                for row in block.rows or ():
                    for cell in row:
                        cell.text = "invented"
        return result

    monkeypatch.setattr(liteparse.LiteParse, "parse", invent)

    blocks, _ = parse(pdf_of(table_sheet()), "a.pdf")

    assert "invented" not in " ".join(texts(blocks))
    assert all(cell in " ".join(texts(blocks)) for row in TABLE for cell in row)


def furnished(number: int) -> Sheet:
    sheet = Sheet().line("Larkspur Street Bakery, handbook", 50, 40, size=9)
    sheet.lines([f"Page text number {number} of the handbook", *LEFT_COLUMN], 50, 90)
    sheet.line("Every page ends with this same sentence.", 50, 400)
    return sheet.line(f"- {number} -", 290, 800, size=9)


def test_a_running_head_is_kept_once_page_numbers_never_and_text_always(parse: Parse) -> None:
    blocks, _ = parse(pdf_of(*map(furnished, (1, 2, 3))), "a.pdf")

    found = texts(blocks)
    assert found[0] == "Larkspur Street Bakery, handbook"
    assert not [text for text in found[1:] if "Bakery" in text]
    assert not [text for text in found if text.startswith("- ")]
    assert [f"Page text number {number}" in " ".join(found) for number in (1, 2, 3)] == [True] * 3
    assert found.count("Every page ends with this same sentence.") == 3


def test_the_heads_of_odd_and_even_pages_are_kept_where_each_stands_first(parse: Parse) -> None:
    sheets = [
        Sheet()
        .line(f"{('Baking', 'Chapter 2')[page % 2]} · {page}", 50, 30)
        .lines([f"Page text number {page}", *LEFT_COLUMN], 50, 90)
        .line("Larkspur Press", 50, 820)
        for page in range(1, 11)
    ]

    blocks, _ = parse(pdf_of(*sheets), "a.pdf", limits=ParseLimits())

    kept = [(b.position.page, b.text) for b in blocks if len(b.text) < 20 and "text" not in b.text]
    assert kept == [(1, "Chapter 2 · 1"), (1, "Larkspur Press"), (2, "Baking · 2")]


def test_the_first_blocks_of_a_long_file_leave_before_most_of_its_pages_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of(*[Sheet().lines(LEFT_COLUMN, 50, 200)] * 100))
    steps: list[None] = []
    source = Source(
        path,
        MediaType.PDF,
        path.stat().st_size,
        ParseLimits(),
        tmp_path,
        show_life=lambda: steps.append(None),
    )

    drafts = read_pdf(source, Notes())
    next(drafts)
    read_before = len(steps)
    pages = [1, *(draft.position.page for draft in drafts)]

    assert read_before < 20
    assert pages == list(range(1, 101))


def test_a_table_of_ten_thousand_rows_is_completed_in_a_moment() -> None:
    rows = [
        [Cell(f"row {at}", Box(50, 12 * at, 100, 12 * at + 10)), Cell("x", None)]
        for at in range(10_000)
    ]
    lines = [
        Line(text, Box(left, 12 * at, left + 50, 12 * at + 10), left, left + 50, 12 * at, 10, *NOT)
        for at in range(10_000)
        for text, left in ((f"row {at}", 50), (f"price {at}", 200))
    ]
    began = time.process_time()

    table = completed(Table(rows, Box(50, 0, 250, 120_000)), lines)

    assert time.process_time() - began < 5  # it took minutes when each was compared with each
    texts_of_rows = [[cell.text for cell in row] for row in table.rows]
    assert texts_of_rows == [[f"price {at}", f"row {at}", "x"] for at in range(10_000)]


def test_what_stands_at_the_edge_of_two_pages_only_is_text(parse: Parse) -> None:
    sheets = [Sheet().line("Received with thanks", 50, 40).lines(LEFT_COLUMN, 50, 90)] * 2

    blocks, _ = parse(pdf_of(*sheets), "a.pdf")

    assert texts(blocks).count("Received with thanks") == 2


def test_a_paragraph_that_comes_again_below_a_title_is_text(parse: Parse) -> None:
    sheets = [
        Sheet().line(title, 50, 50, size=16).line("This clause binds both parties.", 50, 90)
        for title in ("Delivery", "Payment", "Notice")
    ]

    blocks, _ = parse(pdf_of(*sheets), "a.pdf")

    assert texts(blocks).count("This clause binds both parties.") == 3


def test_a_word_that_a_line_end_broke_is_one_again(parse: Parse) -> None:
    lines = ["The sourdough is a well-known and old fermen-", "tation; a self-", "service shop"]
    sheet = Sheet().lines([*lines, "sells it, next to the self-service counter."], 50, 100)

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    assert texts(blocks) == [
        "The sourdough is a well-known and old fermentation; a self-service shop sells it,"
        " next to the self-service counter."
    ]


def test_a_turned_page_is_read_as_it_is_shown(parse: Parse) -> None:
    sheet = Sheet(rotate=90).lines(LEFT_COLUMN, 100, 60)

    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    assert texts(blocks) == [" ".join(LEFT_COLUMN)]
    box = blocks[0].position.box
    assert box is not None
    assert box.left == pytest.approx(100, abs=2)
    assert box.top == pytest.approx(60 - 8, abs=3)
    assert box.right < HEIGHT


def test_the_box_of_a_chunk_is_around_all_its_blocks(parse: Parse) -> None:
    sheet = Sheet().line("Handbook", 50, 60, size=20).lines(LEFT_COLUMN, 50, 100)
    sheet.lines(RIGHT_COLUMN, 320, 400)
    blocks, _ = parse(pdf_of(sheet), "a.pdf")

    chunker = chunker_for(ChunkSettings())
    chunks = [c for block in blocks for c in chunker.feed(block)] + list(chunker.finish())

    boxes = [block.position.box for block in blocks]
    assert len(chunks) == 1
    assert len(boxes) == 3
    assert chunks[0].position.box == Box(
        min(box.left for box in boxes if box), min(box.top for box in boxes if box),
        max(box.right for box in boxes if box), max(box.bottom for box in boxes if box),
    )  # fmt: skip


def test_a_page_of_nothing_but_a_running_head_has_been_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    only_head = Sheet().line("Handbook of baking", 50, 30)
    pages = [Sheet().line("Handbook of baking", 50, 30).lines(LEFT_COLUMN * 2, 50, 90)] * 3
    path.write_bytes(pdf_of(*pages, only_head, Sheet()))
    source = Source(path, MediaType.PDF, path.stat().st_size, ParseLimits(), tmp_path)

    notes = Notes()
    drafts = list(read_pdf(source, notes))

    assert {draft.position.page for draft in drafts} == {1, 2, 3}
    assert (notes.pages_with_text, notes.pages_by_ocr) == (4, 0)
    assert notes.page_notes == [PageNote(5, PageReason.BLANK)]
    assert notes.warnings == []


def test_what_differs_from_page_to_page_is_text_though_it_stands_at_one_place(
    parse: Parse,
) -> None:
    totals = ("1,204.50", "88.10", "9,310.00")
    sheets = [
        Sheet().line(f"Total due: {total}", 50, 40).lines(LEFT_COLUMN, 50, 120) for total in totals
    ]

    blocks, _ = parse(pdf_of(*sheets), "a.pdf")

    assert [total for total in totals if f"Total due: {total}" in texts(blocks)] == list(totals)


def test_boxes_are_right_on_a_page_whose_size_stands_in_the_page_tree(tmp_path: Path) -> None:
    content = pdf_of(Sheet().lines(LEFT_COLUMN, 50, 90))
    size = b"/MediaBox [0 0 %d %d]" % (WIDTH, HEIGHT)
    tree = content.replace(size, b" " * len(size)).replace(b"/Type /Pages", size + b" /Type /Pages")

    positions = []
    for name, each in (("own", content), ("inherited", tree)):
        path = tmp_path / name
        path.write_bytes(each)
        source = Source(path, MediaType.PDF, len(each), ParseLimits(), tmp_path)
        positions.append([draft.position for draft in read_pdf(source, Notes())])

    assert positions[0]
    assert positions[1] == positions[0]


def test_the_same_file_gives_the_same_blocks(parse: Parse, tmp_path: Path) -> None:
    content = pdf_of(table_sheet(), *map(furnished, (2, 3, 4)))
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    source = Source(path, MediaType.PDF, len(content), ParseLimits(), tmp_path)

    runs = [list(read_pdf(source, Notes())) for _ in range(2)]

    assert runs[0] == runs[1]


def test_one_broken_page_does_not_cost_the_others(parse: Parse) -> None:
    content = pdf_of(*(Sheet().lines(LEFT_COLUMN, 50, 90 + n) for n in range(3)))
    broken = content.replace(b"/Type /Page /Parent", b"/Type /Pine /Parent", 1)

    blocks, summary = parse(broken, "a.pdf")

    assert summary.page_count == 3
    assert texts(blocks).count(" ".join(LEFT_COLUMN)) >= 2
