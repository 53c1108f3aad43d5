"""The bytes decide what a file is; its name settles what they leave open."""

import gzip
import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import (
    DocumentCorrupt,
    DocumentEncrypted,
    PipelineError,
    TooLarge,
    UnsupportedType,
)
from pipeline.parse.detect import detect
from pipeline.parse.frames import FORMATS
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType

DEMO = Path(__file__).parents[3] / "data" / "demo"
OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)


def type_of(path: Path, name: str, content_type: str | None = None) -> MediaType:
    return detect(path, file_name=name, content_type=content_type, limits=ParseLimits())


def zipped(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries.items():
            package.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("file_name", "media_type"),
    [
        ("oven-manual.pdf", MediaType.PDF),
        ("hygiene-plan.docx", MediaType.DOCX),
        ("training.pptx", MediaType.PPTX),
        ("price-list.xlsx", MediaType.XLSX),
        ("opening-hours.html", MediaType.HTML),
        ("recipes.json", MediaType.JSON),
        ("orders.jsonl", MediaType.JSONL),
    ],
)
def test_a_wrong_name_does_not_hide_what_the_bytes_are(
    file_name: str, media_type: MediaType
) -> None:
    assert type_of(DEMO / file_name, file_name) is media_type
    assert type_of(DEMO / file_name, "notes.txt", "text/plain") is media_type
    assert type_of(DEMO / file_name, "unnamed") is media_type


@pytest.mark.parametrize(
    ("content", "name", "content_type", "media_type"),
    [
        (b"# Title\n\ntext", "a.md", None, MediaType.MARKDOWN),
        (b"# Title\n\ntext", "a.txt", None, MediaType.TEXT),
        (b"# Title\n\ntext", "a", "text/markdown; charset=utf-8", MediaType.MARKDOWN),
        (b"a,b\n1,2\n", "a.csv", None, MediaType.CSV),
        (b"a,b\n1,2\n", "a", "text/csv", MediaType.CSV),
        (b"a\tb\n", "a.tsv", "application/octet-stream", MediaType.TSV),
        (b"[draft] a note", "a.txt", None, MediaType.TEXT),
        (b"<p>Hello</p>", "a.html", None, MediaType.HTML),
        (b"plain words", "a.html", None, MediaType.TEXT),
        (b'{"a": 1}\n{"a": 2}\n', "a.json", None, MediaType.JSONL),
        (b'{"a": 1}', "a", None, MediaType.JSON),
        (b"From: a@b.c\nTo: d@e.f\nSubject: x\n\nHi", "a.eml", None, MediaType.EMAIL),
        ("Grüße".encode("utf-16"), "a.txt", None, MediaType.TEXT),
        (b"name\0padded\0\n" * 20, "a.txt", None, MediaType.TEXT),
        (b"{\\rtf1 hello}", "a.doc", None, MediaType.RTF),
        (b"BMW and others", "a.txt", None, MediaType.TEXT),
    ],
)
def test_texts_are_told_apart_by_their_marks_and_then_by_name(
    tmp_path: Path, content: bytes, name: str, content_type: str | None, media_type: MediaType
) -> None:
    path = tmp_path / "document"
    path.write_bytes(content)

    assert type_of(path, name, content_type) is media_type


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (gzip.compress(b"text"), UnsupportedType),
        (zipped({"a.txt": b"text"}), UnsupportedType),
        (b"RIFF\x10\0\0\0WAVEfmt " + bytes(99), UnsupportedType),
        (bytes(range(256)) * 40, UnsupportedType),
        (OLE, UnsupportedType),
        (OLE + "EncryptedPackage".encode("utf-16-le"), DocumentEncrypted),
        (zipped({"[Content_Types].xml": b"<Types/>"})[:40], DocumentCorrupt),
        (zipped({"word/document.xml": bytes(1_100_000_000)}), TooLarge),
    ],
    ids=["gzip", "zip", "wave", "noise", "ole", "encrypted-office", "cut-short", "zip-bomb"],
)
def test_what_cannot_be_read_is_refused_for_the_right_reason(
    tmp_path: Path, content: bytes, error: type[PipelineError]
) -> None:
    path = tmp_path / "document"
    path.write_bytes(content)

    with pytest.raises(error):
        type_of(path, "report")


@pytest.mark.parametrize("media_type", FORMATS)
def test_an_image_is_known_by_its_bytes(tmp_path: Path, media_type: MediaType) -> None:
    path = tmp_path / "document"
    Image.new("RGB", (8, 8), "white").save(path, FORMATS[media_type])

    assert type_of(path, "scan.pdf", "application/pdf") is media_type


def test_noise_with_the_name_of_a_format_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "document"
    path.write_bytes(bytes(range(256)) * 40)

    with pytest.raises(DocumentCorrupt):
        type_of(path, "report.pdf")
