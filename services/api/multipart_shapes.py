"""What is asked and answered about uploads in parts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.file_names import FileName
from api.limits import PUT_BYTES_MAX
from api.requests import Body, ContentType, Metadata, with_example

SIZE_MIN = 5 * 1000**2  # smaller files gain nothing by parts
NUMBERS_MAX = 100
PARTS_MAX = 10_000  # of an upload, by the protocol
UPLOAD_ID_CHARS_MAX = 1_000
EXAMPLE_ID = "2147483648.0.AKv9"

UploadId = Annotated[str, Field(min_length=1, max_length=UPLOAD_ID_CHARS_MAX)]
Number = Annotated[int, Field(ge=1, le=PARTS_MAX)]


class BeginMultipart(Body):
    """A large file to upload in parts, several at once, each again if it fails."""

    model_config = with_example(
        file_name="films/minutes.pdf", size=2_147_483_648, content_type="application/pdf"
    )

    file_name: FileName
    size: int = Field(
        ge=SIZE_MIN, le=PUT_BYTES_MAX, description="In bytes; a deployment may take less."
    )
    content_type: ContentType | None = None
    metadata: Metadata | None = None


class SignParts(Body):
    """The parts to get URLs for."""

    model_config = with_example(
        file_name="films/minutes.pdf", upload_id=EXAMPLE_ID, numbers=[1, 2, 3]
    )

    file_name: FileName
    upload_id: UploadId
    numbers: list[Number] = Field(min_length=1, max_length=NUMBERS_MAX)


class UploadedPart(Body):
    """A part, and the ETag that the bucket answered with."""

    number: Number
    etag: str = Field(min_length=1, max_length=200)


class CompleteMultipart(Body):
    """The parts to make the object of; those that the bucket has if left out."""

    model_config = with_example(file_name="films/minutes.pdf", upload_id=EXAMPLE_ID)

    file_name: FileName
    upload_id: UploadId
    parts: list[UploadedPart] | None = Field(None, min_length=1, max_length=PARTS_MAX)


class AbortMultipart(Body):
    """An upload to drop, with all its parts."""

    model_config = with_example(file_name="films/minutes.pdf", upload_id=EXAMPLE_ID)

    file_name: FileName
    upload_id: UploadId


@dataclass(frozen=True, slots=True)
class MultipartView:
    """An upload that has begun. Part 1 is the first `part_bytes` of the file, and so on; the last
    one is the rest."""

    upload_id: str
    file_name: str
    object_key: str
    part_bytes: int
    part_count: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PartUrlView:
    """Send the part's bytes by this method with exactly these headers; note the answer's `ETag`."""

    number: int
    url: str
    method: str
    headers: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PartUrlsView:
    parts: list[PartUrlView]


@dataclass(frozen=True, slots=True)
class PartView:
    """A part that the bucket has."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class PartsView:
    """In the order of numbers; `next_cursor` asks for the next, null at the end."""

    items: list[PartView]
    next_cursor: str | None
