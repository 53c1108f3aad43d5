"""Pictures of text for the tests of recognition, drawn with the font that Pillow brings."""

import io
import struct
import zlib
from collections.abc import Sequence

import pypdfium2
from PIL import Image, ImageDraw, ImageFont
from pypdfium2 import raw

SIZE = (900, 520)
LINE_PIXELS = 40
TEXT_PIXELS = 26
LETTER = (
    "The bakery on Larkspur Street opens at half",
    "past six and closes when the last loaf is sold.",
    "Orders for weddings need three weeks, and a",
    "deposit of 40 euro that is never paid back.",
    "Rye bread is baked on Tuesday and on Friday.",
    "Whoever brings a basket saves the paper bag.",
)


def picture(lines: Sequence[str], *, size: tuple[int, int] = SIZE, left: int = 60) -> Image.Image:
    """Black on white, one below the other."""
    image = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(TEXT_PIXELS)
    for number, line in enumerate(lines):
        pen.text((left, 60 + number * LINE_PIXELS), line, "black", font)
    return image


def encoded(images: Sequence[Image.Image], kind: str, **options: object) -> bytes:
    """A file of the kind, with a page for each image where it can have several."""
    out, (first, *others) = io.BytesIO(), images
    more = {"save_all": True, "append_images": others} if others else {}
    first.save(out, kind, **more, **options)  # each plugin has its own
    return out.getvalue()


def tiff_directories(content: bytes) -> list[int]:
    """Where those of a little-endian TIFF begin."""
    found = [int.from_bytes(content[4:8], "little")]
    while True:
        entries = int.from_bytes(content[found[-1] : found[-1] + 2], "little")
        end = found[-1] + 2 + 12 * entries
        if not (following := int.from_bytes(content[end : end + 4], "little")):
            return found
        found.append(following)


def pdf_of(pages: Sequence[tuple[Sequence[str], Image.Image | None]]) -> bytes:
    """Each page with lines of real text at its top, and a picture below them, a pixel half a
    point."""
    document = pypdfium2.PdfDocument.new()
    for lines, image in pages:
        page = document.new_page(595, 842)
        for number, line in enumerate(lines):
            item = raw.FPDFPageObj_NewTextObj(document, b"Helvetica", 11.0)
            text = line.encode("utf-16-le") + b"\0\0"
            letters = (raw.FPDF_WCHAR * (len(text) // 2)).from_buffer_copy(text)
            raw.FPDFText_SetText(item, letters)
            raw.FPDFPageObj_Transform(item, 1, 0, 0, 1, 50, 800 - 14 * number)
            raw.FPDFPage_InsertObject(page, item)
        if image is not None:
            shown = pypdfium2.PdfImage.new(document)
            shown.set_bitmap(pypdfium2.PdfBitmap.from_pil(image))
            width, height = image.width / 2, image.height / 2
            shown.set_matrix(pypdfium2.PdfMatrix().scale(width, height).translate(50, 500 - height))
            page.insert_obj(shown)
        page.gen_content()
    out = io.BytesIO()
    document.save(out)
    document.close()
    return out.getvalue()


def png_of_pixels(width: int, height: int) -> bytes:
    """The head of a PNG that claims to be so large, and a few bytes of it."""

    def part(kind: bytes, content: bytes) -> bytes:
        check = struct.pack("!I", zlib.crc32(kind + content))
        return struct.pack("!I", len(content)) + kind + content + check

    head = struct.pack("!IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(bytes(999))) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts
