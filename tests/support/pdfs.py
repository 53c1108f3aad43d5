"""Small PDFs for tests, set line by line: what stands where, how large, in which font."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from data.hostile_pdfs import objects, stream

WIDTH, HEIGHT = 595, 842
# What `nameless` shows is Helvetica; which characters that are it does not say.
FONTS = {
    "regular": b"Helvetica",
    "bold": b"Helvetica-Bold",
    "code": b"Courier",
    "nameless": b"Helvetica",
}
NO_NAMES = (
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /N def"
    b" 1 begincodespacerange <00> <FF> endcodespacerange"
    b" 1 beginbfrange <21> <7E> <E021> endbfrange endcmap end end"
)


@dataclass(slots=True)
class Sheet:
    """One page, written to in the order of the calls; places are in points from its top left."""

    rotate: int = 0
    content: list[bytes] = field(default_factory=list)
    has_image: bool = False

    def line(
        self, text: str, left: float, top: float, *, size: float = 10, font: str = "regular"
    ) -> "Sheet":
        """`top` is that of the baseline. On a page that is shown turned, text is set to match."""
        at = list(FONTS).index(font)
        matrix = {
            0: f"1 0 0 1 {left} {HEIGHT - top}",
            90: f"0 1 -1 0 {top} {left}",
        }[self.rotate]
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        self.content.append(f"BT /F{at} {size} Tf {matrix} Tm ({escaped}) Tj ET".encode("cp1252"))
        return self

    def lines(
        self,
        texts: Sequence[str],
        left: float,
        top: float,
        *,
        size: float = 10,
        pitch: float = 12,
        font: str = "regular",
    ) -> "Sheet":
        for number, text in enumerate(texts):
            self.line(text, left, top + number * pitch, size=size, font=font)
        return self

    def in_white(self, write: Callable[["Sheet"], object]) -> "Sheet":
        """What is written so is in the text layer, and nobody sees it."""
        self.content.append(b"1 g")
        write(self)
        self.content.append(b"0 g")
        return self

    def rule(self, left: float, top: float, right: float) -> "Sheet":
        self.content.append(b"%f %f m %f %f l S" % (left, HEIGHT - top, right, HEIGHT - top))
        return self

    def image(self) -> "Sheet":
        """A grey picture over the whole page."""
        self.has_image = True
        self.content.append(b"q %d 0 0 %d 0 0 cm /I Do Q" % (WIDTH, HEIGHT))
        return self


def pdf_of(*sheets: Sheet) -> bytes:
    """The sheets as a file."""
    bodies = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    bodies += [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding %s >>"
        % (name, b"/ToUnicode %d 0 R" % (len(FONTS) + 4) if key == "nameless" else b"")
        for key, name in FONTS.items()
    ]
    bodies.append(
        stream(
            b"\x80",
            b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8"
            b" /ColorSpace /DeviceGray",
        )
    )
    fonts = b" ".join(b"/F%d %d 0 R" % (at, at + 3) for at in range(len(FONTS)))
    image = len(bodies)
    bodies.append(stream(NO_NAMES))
    pages = []
    for sheet in sheets:
        bodies.append(stream(b"\n".join(sheet.content)))
        pages.append(len(bodies) + 1)
        bodies.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Rotate %d /Contents %d 0 R"
            b" /Resources << /Font << %s >> /XObject << /I %d 0 R >> >> >>"
            % (WIDTH, HEIGHT, sheet.rotate, len(bodies), fonts, image)
        )
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    bodies[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages))
    return objects(*bodies)
