"""Text of scanned pages and images, and what is said of pages that have none."""

import subprocess
import sys
from dataclasses import replace

import pytest
from PIL import Image, ImageDraw

from data.pictures import LETTER, encoded, pdf_of, picture, png_of_pixels, tiff_directories
from pipeline.document import Block, PageReason, ParseSummary
from pipeline.errors import DocumentCorrupt, TooLarge, TooManyPages
from pipeline.parse.ocr.engine import Engine, Seen
from pipeline.parse.ocr.raster import Raster
from support.pdfs import Sheet
from support.pdfs import pdf_of as pdf_of_sheets
from unit.pipeline.parse.conftest import LIMITS, Parse

# Prints by how many kilobytes the process has grown at most.
LARGE_PNG = r"""
import io, resource, struct, zlib
from PIL import Image
from pipeline.parse.shrinking import shrunk
def part(kind, content):
    check = struct.pack("!I", zlib.crc32(kind + content))
    return struct.pack("!I", len(content)) + kind + content + check
packer = zlib.compressobj(1)
rows = b"".join(packer.compress(bytes(1 + 4 * 8_000)) for _ in range(5_000)) + packer.flush()
head = struct.pack("!IIBBBBB", 8_000, 5_000, 8, 6, 0, 0, 0)
png = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
raster, scale = shrunk(Image.open(io.BytesIO(png)), pixels_max=100_000_000)
assert raster.shape == (3162, 5060, 3) and raster.min() == 255 and 1.57 < scale < 1.59
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
SHORT = ("Three loaves of rye,", "to be fetched at noon.")


def words(blocks: list[Block]) -> set[str]:
    return {word for block in blocks for word in block.text.split()}


def recall(blocks: list[Block], lines: tuple[str, ...]) -> float:
    expected = [word for line in lines for word in line.split()]
    found = words(blocks)
    return sum(word in found for word in expected) / len(expected)


def reasons(summary: ParseSummary) -> list[tuple[int, PageReason]]:
    return [(note.page, note.reason) for note in summary.page_notes]


def test_the_words_of_an_image_are_read_and_each_paragraph_knows_its_place(parse: Parse) -> None:
    blocks, summary = parse(encoded([picture(LETTER)], "PNG"), "letter.png")

    assert recall(blocks, LETTER) >= 0.97
    box = blocks[0].position.box
    assert box is not None
    assert 40 <= box.left <= 60 < box.right < 900
    assert 50 <= box.top < box.bottom <= 320
    assert (summary.page_count, summary.pages_with_text, summary.pages_by_ocr) == (1, 1, 1)
    [note] = summary.page_notes
    assert (note.page, note.reason) == (1, PageReason.OCR)
    assert note.confidence is not None
    assert note.confidence > 0.9


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "BMP", "GIF"])
def test_every_type_of_image_is_read(parse: Parse, kind: str) -> None:
    blocks, _ = parse(encoded([picture(SHORT, size=(480, 200))], kind), "scan")

    assert recall(blocks, SHORT) == 1


def test_each_frame_of_a_tiff_is_a_page(parse: Parse) -> None:
    size = (480, 200)
    frames = [picture(SHORT, size=size), picture((), size=size), picture(("Closed",), size=size)]

    blocks, summary = parse(encoded(frames, "TIFF", compression="tiff_lzw"), "fax.tiff")

    assert [block.position.page for block in blocks] == [1, 3]
    assert blocks[1].text == "Closed"
    assert (summary.page_count, summary.pages_with_text, summary.pages_by_ocr) == (3, 2, 2)
    assert reasons(summary)[1] == (2, PageReason.BLANK)
    assert summary.warnings == ()


@pytest.mark.parametrize("broken", [0, 1])
def test_a_broken_frame_costs_a_note_and_the_others_are_read(parse: Parse, broken: int) -> None:
    frames = [picture((text,), size=(480, 200)) for text in ("Open", "Closed", "Sold out")]
    content = bytearray(encoded(frames, "TIFF", compression="tiff_lzw"))
    places = tiff_directories(bytes(content))
    content[places[broken] + 2 : places[broken] + 14] = bytes(12)  # its width is gone

    blocks, summary = parse(bytes(content), "fax.tiff")

    texts = {1: "Open", 2: "Closed", 3: "Sold out"}
    del texts[broken + 1]
    assert {block.position.page: block.text for block in blocks} == texts
    assert (broken + 1, PageReason.UNREADABLE) in reasons(summary)
    assert (summary.page_count, summary.pages_with_text) == (3, 2)
    assert summary.warnings == ("pages_without_text",)


def test_a_page_that_the_networks_fail_over_has_a_note_and_the_next_is_read(
    parse: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [picture((text,), size=(480, 200)) for text in ("Open", "Closed")]
    working, fails = Engine(), iter([True, False])

    class Failing:
        def read(self, raster: Raster) -> Seen:
            if next(fails):
                raise MemoryError
            return working.read(raster)

    monkeypatch.setattr("pipeline.parse.ocr.engine.engine", Failing)

    blocks, summary = parse(encoded(frames, "TIFF"), "fax.tiff")

    assert [(block.position.page, block.text) for block in blocks] == [(2, "Closed")]
    assert reasons(summary) == [(1, PageReason.UNREADABLE), (2, PageReason.OCR)]


def test_a_large_transparent_image_takes_little_more_than_its_pixels() -> None:
    """Unpacked it has 160 MB; five copies of it were made before."""
    grown = subprocess.run(
        [sys.executable, "-c", LARGE_PNG], capture_output=True, text=True, check=True
    )

    assert int(grown.stdout) < 300 * 1024


def test_a_photograph_is_turned_as_its_camera_says(parse: Parse) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter with the clock
    lying = picture(SHORT, size=(480, 200)).transpose(Image.Transpose.ROTATE_90)

    blocks, _ = parse(encoded([lying], "JPEG", exif=exif), "photo.jpg")

    box = blocks[0].position.box
    assert recall(blocks, SHORT) == 1
    assert box is not None
    assert box.right - box.left > box.bottom - box.top
    assert box.bottom < 200


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90])
def test_a_page_scanned_the_wrong_way_round_is_read_and_placed_where_it_is_shown(
    parse: Parse, turn: Image.Transpose
) -> None:
    turned = picture(LETTER[:4], size=(700, 400)).transpose(turn)

    blocks, _ = parse(encoded([turned], "PNG"), "scan.png")

    assert recall(blocks, LETTER[:4]) >= 0.95
    box = blocks[0].position.box
    assert box is not None
    dark = turned.convert("L").point(lambda level: 255 * (level < 128)).getbbox()
    assert dark is not None
    union = (
        min(b.position.box.left for b in blocks if b.position.box),
        min(b.position.box.top for b in blocks if b.position.box),
        max(b.position.box.right for b in blocks if b.position.box),
        max(b.position.box.bottom for b in blocks if b.position.box),
    )
    assert union == pytest.approx(dark, abs=12)


def test_a_picture_without_text_ends_well_and_says_so(parse: Parse) -> None:
    image = Image.new("RGB", (400, 300), "white")
    ImageDraw.Draw(image).ellipse((80, 60, 320, 240), "navy")

    blocks, summary = parse(encoded([image], "PNG"), "sun.png")

    assert blocks == []
    assert summary.warnings == ("no_text_found",)
    assert reasons(summary) == [(1, PageReason.NO_TEXT)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (png_of_pixels(20_000, 20_000), TooLarge),
        (png_of_pixels(12_000, 9_000), TooLarge),
        (encoded([picture(LETTER)], "PNG")[:3_000], DocumentCorrupt),
        (b"\xff\xd8\xff" + bytes(99), DocumentCorrupt),
        (encoded([Image.new("1", (9, 9), n) for n in range(4)], "TIFF"), TooManyPages),
    ],
    ids=["bomb", "more-pixels-than-read", "cut-short", "no-image", "frames"],
)
def test_an_image_that_cannot_be_read_is_refused_for_the_right_reason(
    parse: Parse, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        parse(content, "scan")


def test_only_the_pages_of_a_pdf_that_lack_their_text_are_recognised(parse: Parse) -> None:
    image = picture(SHORT, size=(480, 200))
    written = ["Rye bread is baked on Tuesday and on Friday, as it was in the old days."] * 6

    blocks, summary = parse(pdf_of([(written, None), ((), image), ((), None)]), "scan.pdf")

    on_second = [block for block in blocks if block.position.page == 2]
    box = on_second[0].position.box
    assert recall(on_second, SHORT) == 1
    assert box is not None
    assert 75 <= box.left <= 85  # the picture begins at 50 points, its text 30 further
    assert 365 <= box.top <= 375  # its top 342 points from the top of the page
    assert reasons(summary) == [(2, PageReason.OCR), (3, PageReason.BLANK)]
    assert (summary.page_count, summary.pages_with_text, summary.pages_by_ocr) == (3, 2, 1)
    assert summary.warnings == ()


def test_a_scan_below_a_printed_stamp_is_read_and_the_stamp_is_not_read_twice(
    parse: Parse,
) -> None:
    content = pdf_of([(["Received on the third of May"], picture(LETTER))])

    blocks, summary = parse(content, "stamped.pdf")

    text = " ".join(block.text for block in blocks)
    assert blocks[0].text == "Received on the third of May"
    assert text.count("Received") == 1
    assert recall(blocks, LETTER) >= 0.95
    [note] = summary.page_notes
    assert note.uncovered is not None
    assert note.uncovered > 0.5


def test_where_a_font_names_no_characters_its_lines_are_recognised_and_the_others_kept(
    parse: Parse,
) -> None:
    nameless = ["Orders for weddings need three weeks,", "and a deposit of 40 euro."] * 3
    sheet = Sheet().line("Terms of the bakery, as they are printed.", 50, 80, size=12)
    sheet.lines(nameless, 50, 140, size=12, pitch=16, font="nameless")
    sheet.in_white(lambda page: page.line("Nobody sees this line of the layer.", 50, 300))

    blocks, summary = parse(pdf_of_sheets(sheet), "terms.pdf")

    texts = [block.text for block in blocks]
    assert texts[0] == "Terms of the bakery, as they are printed."
    assert texts[-1] == "Nobody sees this line of the layer."
    assert recall(blocks[1:-1], tuple(nameless)) == 1
    assert not [text for text in texts[1:-1] if "Terms" in text]
    assert reasons(summary) == [(1, PageReason.OCR)]


def test_a_page_with_text_and_a_drawing_is_left_as_it_is(parse: Parse) -> None:
    drawing = Image.new("RGB", (900, 900), "white")
    pen = ImageDraw.Draw(drawing)
    for ring in range(20, 440, 30):
        pen.ellipse((450 - ring, 450 - ring, 450 + ring, 450 + ring), outline="black", width=3)

    _, summary = parse(pdf_of([(LETTER, drawing)]), "drawing.pdf")

    assert summary.page_notes == ()
    assert summary.pages_by_ocr == 0


def test_what_is_not_recognised_because_it_is_switched_off_is_named_page_by_page(
    parse: Parse,
) -> None:
    off = replace(LIMITS, ocr=False)
    scan = pdf_of([((), picture(SHORT, size=(480, 200))), ((), None)])

    blocks, summary = parse(scan, "scan.pdf", None, off)

    assert blocks == []
    assert summary.warnings == ("no_text_found",)
    assert reasons(summary) == [(1, PageReason.OCR_OFF), (2, PageReason.BLANK)]
    assert (summary.pages_with_text, summary.pages_by_ocr) == (0, 0)


def test_after_so_many_recognised_pages_the_rest_is_named_and_left(parse: Parse) -> None:
    size = (480, 200)
    frames = [picture(SHORT, size=size), picture(("Closed",), size=size)]

    blocks, summary = parse(
        encoded(frames, "TIFF"), "a.tif", None, replace(LIMITS, ocr_pages_max=1)
    )

    assert {block.position.page for block in blocks} == {1}
    assert reasons(summary) == [(1, PageReason.OCR), (2, PageReason.OCR_LIMIT)]
    assert set(summary.warnings) == {"ocr_limit_reached", "pages_without_text"}
