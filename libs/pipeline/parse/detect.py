"""Which type a file is: its bytes decide, its name settles what bytes leave open.

Raises UnsupportedType for archives, media and binaries nobody here reads, DocumentEncrypted for
Office files behind a password, DocumentCorrupt for packages that cannot be opened.
"""

import codecs
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import orjson

from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooLarge, UnsupportedType
from pipeline.parse.encodings import encoding_of_bytes
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType, named_type
from pipeline.parse.package import check_package

HEAD_BYTES = 64 * 1024
PDF_MARK_WITHIN = 1024  # readers accept that much before the mark

_BINARY_MARKS = (
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"RIFF", "a media file"),
    (b"OggS", "a media file"),
    (b"ID3", "a media file"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "a database"),
)
_IMAGE_MARKS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), MediaType.PNG),
    (re.compile(rb"\xff\xd8\xff"), MediaType.JPEG),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), MediaType.TIFF),
    (re.compile(rb"RIFF.{4}WEBP", re.S), MediaType.WEBP),
    (re.compile(rb"GIF8[79]a"), MediaType.GIF),
    # Two letters are no mark: the length of a header that is known stands at their place too.
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.S), MediaType.BMP),
)
_OLE_MARK = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OFFICE_FOLDERS = (
    ("word/", MediaType.DOCX),
    ("ppt/", MediaType.PPTX),
    ("xl/", MediaType.XLSX),
)
# Names of streams inside an OLE file, as its directory spells them.
_OLE_STREAMS = (
    ("WordDocument", MediaType.DOC),
    ("Workbook", MediaType.XLS),
    ("Book", MediaType.XLS),
    ("PowerPoint Document", MediaType.PPT),
    ("__properties_version1.0", MediaType.OUTLOOK),
)
_HTML_START = re.compile(
    r"(?:\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_HTML_TAG = re.compile(r"</?(?:p|div|span|h[1-6]|table|ul|ol|li|a|br|title|meta)\b[^>]*>", re.I)
_JSON_START = re.compile(r'\s*(?:\{\s*"|\[\s*[\[{"\d-])')
_MAIL_HEADER = re.compile(
    r"^(?:from|to|cc|subject|date|message-id|mime-version|received|return-path|content-type"
    r"|delivered-to|reply-to|x-[\w-]+):",
    re.I | re.M,
)
_MHTML_MARK = re.compile(
    r"^(?:Snapshot-Content-Location:|From: <?Saved by |Content-Type: multipart/related;"
    r"\s+type=\"?text/html)",
    re.I | re.M,
)
_LINE_ENDS = re.compile(r"\r\n?")
_VTT_MARK = re.compile(r"WEBVTT(?:\s|$)")
_LATEX_MARK = re.compile(r"^[ \t]*\\(?:documentclass|documentstyle|begin\{document\})", re.M)
_NOTEBOOK_MARK = re.compile(r'\{.*"(?:cell_type|nbformat)"', re.S)
_CONTROLS = frozenset(map(chr, (*range(1, 9), *range(0x0E, 0x1B), *range(0x1C, 0x20))))
# Types without a mark of their own: the name is believed if the text does not speak against it. A
# bare string is JSON too, so whether a file of that name is, its reader finds out.
_CONFIRMED_BY: dict[MediaType, Callable[[str], object]] = {
    MediaType.HTML: _HTML_TAG.search,
    MediaType.XML: re.compile(r"\s*<").match,
    MediaType.EMAIL: _MAIL_HEADER.search,
    MediaType.CSV: str.strip,
    MediaType.TSV: str.strip,
    MediaType.MHTML: _MAIL_HEADER.search,
    MediaType.ASCIIDOC: str.strip,
    MediaType.LATEX: re.compile(r"\\[A-Za-z]").search,
    MediaType.MARKDOWN: str.strip,
    MediaType.JSON: str.strip,
    MediaType.JSONL: str.strip,
}
CONTROLS_TOLERATED = 0.02  # compressed bytes have 10 %, texts with stray escapes far less
JSON_LINES_PROBED = 20
NULS_TOLERATED = 0.3  # padding of old exports, removed later


def detect(
    path: Path, *, file_name: str, content_type: str | None, limits: ParseLimits
) -> MediaType:
    """The type to parse the file as."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    named = named_type(file_name, content_type)
    if head.startswith(_ZIP_MARKS):
        return _package_type(path, limits)
    if head.startswith(_OLE_MARK):
        return _ole_type(path, named, limits)
    if b"%PDF-" in head[:PDF_MARK_WITHIN]:
        return MediaType.PDF
    if head.lstrip().startswith(b"{\\rtf"):
        return MediaType.RTF
    for pattern, media_type in _IMAGE_MARKS:
        if pattern.match(head):
            return media_type
    for mark, what in _BINARY_MARKS:
        if head.startswith(mark):
            raise UnsupportedType(f"the file is {what}, which is not read")
    text = _decoded(head, named).lstrip("\ufeff")
    return _text_type(text, named, truncated=len(head) == HEAD_BYTES)


def _package_type(path: Path, limits: ParseLimits) -> MediaType:
    try:
        with zipfile.ZipFile(path) as package:
            check_package(path, package, limits)
            names = set(package.namelist())
            if "[Content_Types].xml" in names:
                for folder, media_type in _OFFICE_FOLDERS:
                    if any(name.startswith(folder) for name in names):
                        return media_type
            if "mimetype" in names:
                with package.open("mimetype") as file:
                    declared = file.read(200).decode("ascii", "replace").strip()
                for media_type in (MediaType.EPUB, MediaType.ODT, MediaType.ODS, MediaType.ODP):
                    if declared.startswith(media_type.value):
                        return media_type
    except RuntimeError as error:  # what zipfile raises for an entry behind a password
        raise DocumentEncrypted("the file is protected by a password") from error
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, ValueError) as error:
        raise DocumentCorrupt("the file is a package that cannot be opened") from error
    raise UnsupportedType("the file is an archive, and its files are to be uploaded one by one")


def _ole_type(path: Path, named: MediaType | None, limits: ParseLimits) -> MediaType:
    if path.stat().st_size > limits.whole_file_bytes:
        raise TooLarge(f"an Office file may have at most {limits.whole_file_bytes} bytes")
    content = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise DocumentEncrypted("the file is protected by a password")
    found = [kind for name, kind in _OLE_STREAMS if name.encode("utf-16-le") in content]
    if named in found:
        return named  # a document may embed a sheet: the name knows which holds which
    if found:
        return found[0]
    raise UnsupportedType("the file is an Office container of a kind that is not read")


def _decoded(head: bytes, named: MediaType | None) -> str:
    encoding = encoding_of_bytes(head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    nuls = text.count("\0")
    controls = sum(1 for char in text if char in _CONTROLS)
    if nuls > NULS_TOLERATED * len(text) or controls > CONTROLS_TOLERATED * len(text):
        if named in (None, MediaType.TEXT):
            raise UnsupportedType("the file is neither text nor a type that is read")
        raise DocumentCorrupt("the content of the file is not what its name says")
    return text.replace("\0", "")


def _text_type(text: str, named: MediaType | None, *, truncated: bool) -> MediaType:
    marked = _marked_type(text, named)
    if marked is not None:
        return marked
    if text.lstrip()[:1] in ("{", "[") and named is not MediaType.MARKDOWN:
        structured = _json_type(text, named, truncated=truncated)
        if structured is not None:
            return structured
    if named is not None and named in _CONFIRMED_BY and _CONFIRMED_BY[named](text):
        return named
    return MediaType.TEXT


def _marked_type(text: str, named: MediaType | None) -> MediaType | None:
    """The type of a text that begins as no other does."""
    if _HTML_START.match(text):
        return MediaType.HTML
    if _VTT_MARK.match(text):
        return MediaType.VTT
    if named in (None, MediaType.TEXT) and _LATEX_MARK.search(text):
        return MediaType.LATEX
    if named is None and text.startswith("<?xml"):
        return MediaType.XML
    head = _LINE_ENDS.sub("\n", text).partition("\n\n")[0]
    if named in (None, MediaType.EMAIL) and len(_MAIL_HEADER.findall(head)) >= 3:
        return MediaType.MHTML if _MHTML_MARK.search(head) else MediaType.EMAIL
    return None


def _json_type(text: str, named: MediaType | None, *, truncated: bool) -> MediaType | None:
    """JSON or JSONL, or None for text that happens to begin with a bracket."""
    lines = [line for line in text.split("\n") if line.strip()]
    if truncated:
        lines.pop()
    if len(lines) >= 2 and all(map(_is_json, lines[:JSON_LINES_PROBED])):
        return MediaType.JSONL
    if named is MediaType.NOTEBOOK:
        return named if _NOTEBOOK_MARK.match(text.lstrip()) else MediaType.JSON
    if named in (MediaType.JSON, MediaType.JSONL):
        return named
    if truncated:
        return MediaType.JSON if named is None and _JSON_START.match(text) else None
    return MediaType.JSON if named in (None, MediaType.TEXT) and _is_json(text) else None


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True
