"""What passes between the pool and its children: frames of JSON, each preceded by its length.

JSON because a child has handled hostile bytes: nothing it sends may be more than data. Everything
received is checked before it is believed.
"""

import struct
from base64 import b64decode, b64encode
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from pipeline.document import (
    AttachmentPages,
    Block,
    BlockKind,
    Box,
    Crop,
    PageNote,
    PageReason,
    ParseSummary,
    Picture,
    Position,
    TablePart,
)
from pipeline.parse.album import NEAR_CHARS_MAX, SIDE_MAX
from pipeline.parse.limits import ParseLimits
from pipeline.parse.source import ATTACHMENTS_MAX, PAGE_NOTES_MAX

LENGTH = struct.Struct("!I")
# A batch is some 64 kB of text; JSON writes a control character in six bytes.
FRAME_BYTES_MAX = 16 * 1024 * 1024
CROP_BYTES_MAX = 2 * 1024 * 1024  # noise of a megapixel takes one
JPEG_MARK = b"\xff\xd8\xff"
ATTACHMENT_CHARS_MAX = 4_096


PRINTED = "printed"  # in a child's folder: the file that its stdout and stderr go to


class ProtocolError(Exception):
    """The other side sent what it never should."""


@dataclass(frozen=True, slots=True)
class Order:
    """One document to parse."""

    path: Path
    file_name: str
    content_type: str | None
    scratch: Path
    limits: ParseLimits


@dataclass(frozen=True, slots=True)
class Failure:
    """How a parse ended badly: the public code of a typed error and a sentence for people."""

    code: str
    message: str


class Sign(StrEnum):
    """What a child says of itself between two batches."""

    WANTS_OCR = "wants_ocr"  # it is about to recognise text, and waits for `GO_AHEAD`
    ALIVE = "alive"  # it begins with another page that is recognised
    READING = "reading"  # it has got further, and has no batch yet


GO_AHEAD = b"{}"  # the one thing that a child is sent besides an order

Reply = list[Block] | Crop | ParseSummary | Failure | Sign


def frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def encode_order(order: Order) -> bytes:
    return orjson.dumps(
        {
            "path": str(order.path),
            "file_name": order.file_name,
            "content_type": order.content_type,
            "scratch": str(order.scratch),
            "limits": asdict(order.limits),
        }
    )


def decode_order(payload: bytes) -> Order:
    order = orjson.loads(payload)
    return Order(
        path=Path(order["path"]),
        file_name=order["file_name"],
        content_type=order["content_type"],
        scratch=Path(order["scratch"]),
        limits=ParseLimits(**order["limits"]),
    )


def encode_reply(reply: Reply) -> bytes:
    match reply:
        case ParseSummary():
            return orjson.dumps({"summary": asdict(reply)})
        case Sign():
            return orjson.dumps({"sign": reply.value})
        case Failure():
            return orjson.dumps({"failure": [reply.code, reply.message]})
        case Crop():
            data = b64encode(reply.data).decode()
            return orjson.dumps({"crop": [picture_fields(reply.picture), data]})
        case _:
            return orjson.dumps({"blocks": [block_fields(block) for block in reply]})


def decode_reply(payload: bytes) -> Reply:
    """Raises ProtocolError for anything a child of ours would not send."""
    try:
        reply = orjson.loads(payload)
        if "blocks" in reply:
            return [block_of(fields) for fields in reply["blocks"]]
        if "crop" in reply:
            fields, data = reply["crop"]
            return Crop(picture_of(fields), _jpeg(data))
        if "sign" in reply:
            return Sign(reply["sign"])
        if "failure" in reply:
            code, message = reply["failure"]
            return Failure(str(code), str(message))
        return summary_of(reply["summary"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError("a parser child sent a frame that cannot be read") from error


def _jpeg(data: Any) -> bytes:
    """Nobody decodes it on our side; browsers and image models do."""
    jpeg = b64decode(data, validate=True)
    if len(jpeg) > CROP_BYTES_MAX or not jpeg.startswith(JPEG_MARK):
        raise ValueError("a crop is a small JPEG")
    return jpeg


def picture_fields(picture: Picture) -> list[Any]:
    """The picture as a flat JSON list."""
    position, box = picture.position, picture.position.box
    return [
        picture.ordinal,
        picture.width,
        picture.height,
        picture.near,
        position.page,
        None if box is None else [box.left, box.top, box.right, box.bottom],
        position.attachment,
    ]


def picture_of(fields: list[Any]) -> Picture:
    """The inverse of `picture_fields`; raises TypeError or ValueError for anything else."""
    ordinal, width, height, near, page, box, attachment = fields
    if not all(isinstance(number, int) for number in (ordinal, width, height)):
        raise TypeError("a picture is made of numbers")
    if ordinal < 0 or not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise ValueError("a picture has other sides")
    return Picture(
        ordinal,
        width,
        height,
        str(near)[:NEAR_CHARS_MAX],
        Position(
            page=_count(page),
            box=None if box is None else Box(*(float(edge) for edge in box)),
            attachment=None if attachment is None else str(attachment)[:ATTACHMENT_CHARS_MAX],
        ),
    )


def block_fields(block: Block) -> list[Any]:
    """The block as a flat JSON list; also a line of the canonical file. A block has no
    `line_end`."""
    position, box = block.position, block.position.box
    return [
        block.text,
        block.kind.value,
        block.char_start,
        block.separator,
        list(block.heading_path),
        position.page,
        position.sheet,
        position.line,
        None if box is None else [box.left, box.top, box.right, box.bottom],
        position.attachment,
        position.path,
        None if block.table is None else [block.table.begins, *block.table.rows],
    ]


def block_of(fields: list[Any]) -> Block:
    """The inverse of `block_fields`; raises TypeError or ValueError for anything else."""
    text, kind, start, separator, headings, page, sheet, line, box, attachment, path, table = fields
    if not isinstance(text, str) or not isinstance(separator, str) or not isinstance(start, int):
        raise TypeError("a block is made of text and numbers")
    return Block(
        text,
        BlockKind(kind),
        start,
        separator,
        tuple(str(heading) for heading in headings),
        Position(
            page=None if page is None else int(page),
            sheet=None if sheet is None else str(sheet),
            line=None if line is None else int(line),
            box=None if box is None else Box(*(float(edge) for edge in box)),
            attachment=None if attachment is None else str(attachment),
            path=None if path is None else str(path),
        ),
        None if table is None else _part_of(*table),
    )


def _part_of(begins: Any, *rows: list[Any]) -> TablePart:
    return TablePart(tuple(tuple(str(cell) for cell in row) for row in rows), bool(begins))


def summary_of(fields: dict[str, Any]) -> ParseSummary:
    """The summary from its JSON object; raises as `block_of`."""
    return ParseSummary(
        media_type=str(fields["media_type"]),
        parser=str(fields["parser"]),
        page_count=_count(fields["page_count"]),
        char_count=int(fields["char_count"]),
        warnings=tuple(str(warning) for warning in fields["warnings"]),
        pages_with_text=_count(fields["pages_with_text"]),
        pages_by_ocr=_count(fields["pages_by_ocr"]),
        page_notes=tuple(_note_of(note) for note in fields["page_notes"][:PAGE_NOTES_MAX]),
        attachments=tuple(
            _attachment_of(each) for each in fields.get("attachments", ())[:ATTACHMENTS_MAX]
        ),
    )


def _attachment_of(fields: dict[str, Any]) -> AttachmentPages:
    return AttachmentPages(
        str(fields["name"]),
        _count(fields["page_count"]),
        _count(fields["pages_with_text"]),
        _count(fields["pages_by_ocr"]),
    )


def _note_of(fields: dict[str, Any]) -> PageNote:
    return PageNote(
        int(fields["page"]),
        PageReason(fields["reason"]),
        _share(fields["confidence"]),
        _share(fields["uncovered"]),
        None if (name := fields.get("attachment")) is None else str(name),
    )


def _share(value: Any) -> float | None:
    return None if value is None else min(max(float(value), 0.0), 1.0)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
