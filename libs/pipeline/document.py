"""What a parser yields and a chunker makes of it: the one representation of every format.

The *canonical text* of a document is the texts of its blocks, each preceded by its separator.
Offsets count characters (Unicode code points) of that text, so `canonical[start:end] == text`
holds for every block and every chunk.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class BlockKind(StrEnum):
    """What a block is; a chunker may treat tables, rows and code apart from prose."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE = "table"
    ROW = "row"
    RECORD = "record"
    CODE = "code"
    CAPTION = "caption"
    PICTURE_TEXT = "picture_text"  # what stands in a picture: the name that a signature says


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page as it is shown, in points from its top left corner.

    The page of an image is the image, a pixel of it a point.
    """

    left: float
    top: float
    right: float
    bottom: float


def around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds them all; ValueError if there are none."""
    left, top, right, bottom = zip(
        *((b.left, b.top, b.right, b.bottom) for b in boxes), strict=True
    )
    return Box(min(left), min(top), max(right), max(bottom))


@dataclass(frozen=True, slots=True)
class Position:
    """Where in the original a block stands.

    `page` counts from 1: a page, a slide or a sheet. `line` counts from 1: a line of a text file,
    a row of a table file; `line_end` is the last one of a chunk. `attachment` names the attached
    file of a mail that all the others are about, the messages it lies in before it
    (`Fwd.eml/offer.pdf`). `path` is where in a JSON file a record stands (`$.orders[3]`).
    """

    page: int | None = None
    sheet: str | None = None
    line: int | None = None
    box: Box | None = None
    line_end: int | None = None
    attachment: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class TablePart:
    """The rows of a sheet's table that a block stands for, as the sheet has them.

    All have a text for every column: blank where the sheet is blank, a merged cell's in each place
    that it takes. The first part of a table `begins` it, with the rows that name its columns; blank
    rows go with the one above. The parts of a table, one after the other, are the table, which the
    block's own text, made to be read and embedded, does not always tell.
    """

    rows: tuple[tuple[str, ...], ...]
    begins: bool

    @property
    def size(self) -> int:
        """In characters, a cell one more than its text."""
        return sum(len(cell) + 1 for row in self.rows for cell in row)


@dataclass(frozen=True, slots=True)
class Block:
    """A run of text that belongs together, in reading order.

    `separator` stands before the text in the canonical text; it is empty for the first block.
    `table` is known of rows of sheets, unless their table is beyond its limits.
    """

    text: str
    kind: BlockKind
    char_start: int
    separator: str = "\n\n"
    heading_path: tuple[str, ...] = ()
    position: Position = field(default_factory=Position)
    table: TablePart | None = None

    @property
    def char_end(self) -> int:
        return self.char_start + len(self.text)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is embedded and stored as one row; `ordinal` counts from 0 within the document.

    `context` stands before the text where it is embedded or searched for words, and nowhere else.
    """

    ordinal: int
    text: str
    char_start: int
    char_end: int
    heading_path: tuple[str, ...] = ()
    position: Position = field(default_factory=Position)
    context: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image in a document; `ordinal` counts from 0 within it.

    `width` and `height` are its crop's, in pixels. `near` is the text known of it: a caption, or
    what was recognised in it.
    """

    ordinal: int
    width: int
    height: int
    near: str = ""
    position: Position = field(default_factory=Position)


@dataclass(frozen=True, slots=True)
class Crop:
    """A picture with its bytes, a JPEG."""

    picture: Picture
    data: bytes


class PageReason(StrEnum):
    """Why there is something to say of a page; shown by the API."""

    BLANK = "blank"
    NO_TEXT = "no_text"  # it shows something, and no text was found in it
    OCR = "ocr"  # its text, or what its text layer lacked, was recognised
    OCR_LOW_CONFIDENCE = "ocr_low_confidence"
    OCR_OFF = "ocr_off"  # it would have to be recognised, and that is switched off
    OCR_LIMIT = "ocr_limit"  # so many pages of the document were recognised before
    UNREADABLE = "unreadable"  # it cannot be drawn


@dataclass(frozen=True, slots=True)
class PageNote:
    """Of a page, counted from 1, that is not simply text.

    `confidence` is how sure the recognition was, from 0 to 1. `uncovered` is the share of what
    looks like writing on the page that its text layer does not cover, from 0 to 1. `attachment`
    names the attached file of a mail that the page is of, as a block's position does.
    """

    page: int
    reason: PageReason
    confidence: float | None = None
    uncovered: float | None = None
    attachment: str | None = None


@dataclass(frozen=True, slots=True)
class AttachmentPages:
    """How many pages an attached file of a mail has; named as in a block's position."""

    name: str
    page_count: int | None = None
    pages_with_text: int | None = None
    pages_by_ocr: int | None = None


@dataclass(frozen=True, slots=True)
class ParseSummary:
    """What is known of a document once its last block has left the parser.

    `warnings` are stable codes such as `empty_file` or `no_text_found`, shown by the API. The
    counts of pages are exact, the notes are those of the first pages that need one; None and none
    for types without pages that could be pictures. The counts of a mail are the sums of those of
    its attachments, each of which with pages is named in `attachments`.
    """

    media_type: str
    parser: str
    page_count: int | None = None
    char_count: int = 0
    warnings: tuple[str, ...] = ()
    pages_with_text: int | None = None
    pages_by_ocr: int | None = None
    page_notes: tuple[PageNote, ...] = ()
    attachments: tuple[AttachmentPages, ...] = ()
