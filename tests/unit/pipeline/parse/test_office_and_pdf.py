"""What comes out of Office files, web pages and PDFs: text, headings, places."""

from pathlib import Path

import pytest

from data.make_samples import write_docx, write_xlsx
from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import BlockKind
from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooManyPages
from pipeline.parse.media_types import MediaType
from unit.pipeline.parse.conftest import Parse

DATA = Path(__file__).parents[3] / "data"
DEMO = DATA / "demo"


def test_a_pdf_paragraph_carries_its_page_and_its_box(parse: Parse) -> None:
    blocks, summary = parse(DEMO / "oven-manual.pdf")

    warranty = next(b for b in blocks if "warranty of seven years" in b.text)
    box = warranty.position.box
    assert warranty.position.page == 2
    assert box is not None
    assert 0 < box.left < box.right < 595
    assert 0 < box.top < box.bottom < 842
    assert summary.page_count == 3
    assert summary.warnings == ()


def test_a_pdf_without_text_ends_well_and_says_so(parse: Parse) -> None:
    blocks, summary = parse(DATA / "blank.pdf")

    assert blocks == []
    assert summary.page_count == 1
    assert summary.warnings == ("no_text_found",)


def test_a_pdf_behind_a_password_is_named_encrypted(parse: Parse) -> None:
    with pytest.raises(DocumentEncrypted):
        parse(DATA / "encrypted.pdf")


def test_a_pdf_cut_short_is_corrupt(parse: Parse) -> None:
    with pytest.raises(DocumentCorrupt):
        parse(b"%PDF-1.7\n1 0 obj\n<< /Type", "a.pdf")


def test_a_pdf_of_more_pages_than_allowed_is_refused(parse: Parse) -> None:
    page = "3 0 R"
    content = f"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [{" ".join([page] * 4)}] /Count 4 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >> endobj
trailer << /Root 1 0 R >>
"""

    with pytest.raises(TooManyPages):
        parse(content, "a.pdf")


def test_the_headings_of_a_word_file_lead_to_its_paragraphs(parse: Parse) -> None:
    blocks, _ = parse(DEMO / "hygiene-plan.docx")

    moths = next(b for b in blocks if "Flour moths" in b.text)
    assert moths.heading_path == ("Hygiene plan", "Pests")
    assert moths.kind is BlockKind.PARAGRAPH


def test_a_word_table_is_one_block_in_markdown(parse: Parse) -> None:
    blocks, _ = parse(DEMO / "hygiene-plan.docx")

    table = next(b for b in blocks if "vinegar" in b.text)
    assert table.kind is BlockKind.TABLE
    assert table.text.startswith(
        "| Area | How often | With what | Who |\n| --- | --- | --- | --- |\n"
    )
    assert "\n| Cold room | weekly | vinegar | the early shift |" in table.text


def test_every_chunk_of_a_long_table_is_embedded_with_its_header(
    parse: Parse, tmp_path: Path
) -> None:
    rows = [[f"batch {number}", "rye", f"{number} kg"] for number in range(2_000)]
    write_docx(tmp_path / "log.docx", [("Heading1", "Log"), [["Batch", "Flour", "Weight"], *rows]])

    blocks, _ = parse(tmp_path / "log.docx")

    chunker = chunker_for(ChunkSettings())
    chunks = [*(chunk for block in blocks for chunk in chunker.feed(block)), *chunker.finish()]
    header = "| Batch | Flour | Weight |\n| --- | --- | --- |\n"
    assert len([b for b in blocks if b.kind is BlockKind.TABLE]) > 1  # parted by the layout too
    assert len(chunks) > 50
    assert header in chunks[0].text
    assert {chunk.context for chunk in chunks[1:]} == {header}
    assert any("| batch 1999 | rye | 1999 kg |" in chunk.text for chunk in chunks)


def test_a_table_of_stacked_headers_names_each_column_once(parse: Parse) -> None:
    page = (
        "<h1>Sales</h1><table><tr><th rowspan=2>Loaf</th><th colspan=2>2025</th></tr>"
        "<tr><th>May</th><th>June</th></tr><tr><td>Rye | dark</td><td>3</td><td>4</td></tr></table>"
    )

    blocks, _ = parse(page, "a.html")

    assert blocks[-1].text == (
        "| Loaf | 2025 / May | 2025 / June |\n| --- | --- | --- |\n| Rye \\| dark | 3 | 4 |"
    )


def test_what_a_cell_holds_is_said_once_and_with_its_marks(parse: Parse) -> None:
    page = (
        "<h1>Plan</h1><table><tr><th>Who</th><th>What</th></tr><tr><td>Agnes</td>"
        "<td><ol><li>feeds the mother</li><li>lights the oven</li></ol></td></tr></table>"
    )

    blocks, _ = parse(page, "a.html")

    assert [b.text for b in blocks] == [
        "Plan",
        "| Who | What |\n| --- | --- |\n| Agnes | 1. feeds the mother 2. lights the oven |",
    ]


def test_formatted_headings_and_list_items_keep_their_part(parse: Parse) -> None:
    blocks, _ = parse("# The *old* mother\n\n1. Feed **her**.\n2. Wait.\n", "a.md")

    assert [(b.kind, b.text) for b in blocks] == [
        (BlockKind.HEADING, "The old mother"),
        (BlockKind.LIST_ITEM, "1. Feed her."),
        (BlockKind.LIST_ITEM, "2. Wait."),
    ]
    assert blocks[-1].heading_path == ("The old mother",)


def test_what_a_slide_says_carries_its_number_and_title(parse: Parse) -> None:
    blocks, summary = parse(DEMO / "training.pptx")

    statue = next(b for b in blocks if "statue" in b.text)
    assert statue.position.page == 3
    assert statue.heading_path == ("In case of fire",)
    assert summary.page_count == 3


def test_a_row_of_a_workbook_carries_its_sheet_and_its_number(parse: Parse) -> None:
    blocks, summary = parse(DEMO / "price-list.xlsx")

    plum = next(b for b in blocks if "Plum" in b.text)
    assert plum.text == "Product: Plum slice\nPieces in a box: 4\nPrice in euro: 13.2"
    assert (plum.position.page, plum.position.sheet, plum.position.line) == (2, "Pastry", 3)
    assert summary.page_count == 2


def test_a_large_workbook_keeps_sheets_columns_and_row_numbers(
    parse: Parse, tmp_path: Path
) -> None:
    header: list[str | float] = ["Product", "Price", "Note"]
    rows: list[list[str | float]] = [[f"loaf {n}", n * 1.0, "x" * 40] for n in range(40_000)]
    path = tmp_path / "large.xlsx"
    write_xlsx(path, {"Notes": [["Only words"]], "Stock": [[], header, *rows]})

    blocks, summary = parse(path)

    last = blocks[-1]
    assert last.text == f"Product: loaf 39999\nPrice: 39999\nNote: {'x' * 40}"
    assert (last.position.page, last.position.sheet, last.position.line) == (2, "Stock", 40_002)
    assert summary.page_count == 2


def test_a_web_page_keeps_headings_lists_and_tables(parse: Parse) -> None:
    blocks, _ = parse(DEMO / "opening-hours.html")

    texts = {b.text: b.heading_path for b in blocks}
    table = next(b for b in blocks if b.kind is BlockKind.TABLE)
    assert table.heading_path == ("Opening hours and directions", "Hours")
    assert "\n| Sunday | 07:30 | 11:30 |" in table.text
    assert "- Dogs wait outside, there is a bowl." in texts


def test_markdown_keeps_the_path_of_its_headings(parse: Parse) -> None:
    blocks, _ = parse(DEMO / "handbook.md")

    hungry = next(b for b in blocks if "hungry, not ill" in b.text)
    assert hungry.heading_path == (
        "Handbook of Larkspur Street Bakery",
        "Sourdough",
        "When the mother smells of acetone",
    )


def test_markdown_too_large_for_a_tree_keeps_its_headings_too(parse: Parse) -> None:
    section = "## Part {0}\n\nOne *loaf*.\n\n```\n# no heading\n\n# nor this\n```\n\n"
    content = "# All\n\n" + "".join(section.format(number) for number in range(20_000))

    blocks, _ = parse(content, "large.md")

    assert {b.heading_path for b in blocks if "loaf" in b.text} == {
        ("All", f"Part {number}") for number in range(20_000)
    }


def test_a_word_file_under_the_name_of_a_pdf_is_read_as_what_it_is(parse: Parse) -> None:
    blocks, summary = parse(DEMO / "hygiene-plan.docx", "plan.pdf", "application/pdf")

    assert summary.media_type == MediaType.DOCX.value
    assert blocks[0].text == "Hygiene plan"


def test_a_mail_in_utf_16_is_read(parse: Parse) -> None:
    mail = "From: a@example.org\nTo: b@example.org\nSubject: Rye\n\nThirty loaves, please.\n"

    blocks, _ = parse(mail.encode("utf-16"), "order.eml")

    assert any("Thirty loaves" in b.text for b in blocks)
