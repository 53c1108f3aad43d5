"""The types we read, and what a file's name or its sender say about them.

A name is a hint only: `detect.py` lets the bytes decide.
"""

from enum import StrEnum
from pathlib import PurePath


class MediaType(StrEnum):
    """By the names registered for them, or in common use."""

    TEXT = "text/plain"
    MARKDOWN = "text/markdown"
    CSV = "text/csv"
    TSV = "text/tab-separated-values"
    JSON = "application/json"
    JSONL = "application/x-ndjson"
    HTML = "text/html"
    XML = "application/xml"
    EMAIL = "message/rfc822"
    MHTML = "multipart/related"
    RTF = "application/rtf"
    ASCIIDOC = "text/asciidoc"
    LATEX = "application/x-tex"
    VTT = "text/vtt"
    NOTEBOOK = "application/x-ipynb+json"
    PDF = "application/pdf"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    DOC = "application/msword"
    PPT = "application/vnd.ms-powerpoint"
    XLS = "application/vnd.ms-excel"
    OUTLOOK = "application/vnd.ms-outlook"
    ODT = "application/vnd.oasis.opendocument.text"
    ODS = "application/vnd.oasis.opendocument.spreadsheet"
    ODP = "application/vnd.oasis.opendocument.presentation"
    EPUB = "application/epub+zip"
    PNG = "image/png"
    JPEG = "image/jpeg"
    TIFF = "image/tiff"
    WEBP = "image/webp"
    BMP = "image/bmp"
    GIF = "image/gif"


# The first suffix of each type is the one its parser is given.
SUFFIXES: dict[MediaType, tuple[str, ...]] = {
    MediaType.TEXT: (".txt", ".text", ".log"),
    MediaType.MARKDOWN: (".md", ".markdown", ".mkd"),
    MediaType.CSV: (".csv",),
    MediaType.TSV: (".tsv", ".tab"),
    MediaType.JSON: (".json", ".geojson"),
    MediaType.JSONL: (".jsonl", ".ndjson"),
    MediaType.HTML: (".html", ".htm", ".xhtml"),
    MediaType.XML: (".xml", ".nxml", ".rss", ".atom"),
    MediaType.EMAIL: (".eml",),
    MediaType.MHTML: (".mhtml", ".mht"),
    MediaType.RTF: (".rtf",),
    MediaType.ASCIIDOC: (".adoc", ".asciidoc"),
    MediaType.LATEX: (".tex", ".latex"),
    MediaType.VTT: (".vtt",),
    MediaType.NOTEBOOK: (".ipynb",),
    MediaType.PDF: (".pdf",),
    MediaType.DOCX: (".docx", ".docm", ".dotx"),
    MediaType.PPTX: (".pptx", ".pptm", ".ppsx"),
    MediaType.XLSX: (".xlsx", ".xlsm"),
    MediaType.DOC: (".doc",),
    MediaType.PPT: (".ppt",),
    MediaType.XLS: (".xls",),
    MediaType.OUTLOOK: (".msg",),
    MediaType.ODT: (".odt",),
    MediaType.ODS: (".ods",),
    MediaType.ODP: (".odp",),
    MediaType.EPUB: (".epub",),
    MediaType.PNG: (".png",),
    MediaType.JPEG: (".jpg", ".jpeg", ".jpe", ".jfif"),
    MediaType.TIFF: (".tiff", ".tif"),
    MediaType.WEBP: (".webp",),
    MediaType.BMP: (".bmp", ".dib"),
    MediaType.GIF: (".gif",),
}

_BY_SUFFIX = {suffix: kind for kind, suffixes in SUFFIXES.items() for suffix in suffixes}
_BY_OTHER_NAME = {
    "application/jsonl": MediaType.JSONL,
    "application/x-jsonlines": MediaType.JSONL,
    "application/jsonlines": MediaType.JSONL,
    "application/xhtml+xml": MediaType.HTML,
    "application/csv": MediaType.CSV,
    "text/x-markdown": MediaType.MARKDOWN,
    "text/xml": MediaType.XML,
    "text/rtf": MediaType.RTF,
    "text/json": MediaType.JSON,
    "application/x-latex": MediaType.LATEX,
    "text/x-tex": MediaType.LATEX,
    "application/rss+xml": MediaType.XML,
    "application/atom+xml": MediaType.XML,
    "image/jpg": MediaType.JPEG,
    "image/x-ms-bmp": MediaType.BMP,
}


def named_type(file_name: str, content_type: str | None) -> MediaType | None:
    """What the name says or, if it says nothing we know, the sender's content type."""
    by_suffix = _BY_SUFFIX.get(PurePath(file_name).suffix.lower())
    if by_suffix is not None or content_type is None:
        return by_suffix
    essence = content_type.partition(";")[0].strip().lower()
    # Browsers and tools say text/plain for whatever they do not know: it is no hint.
    if essence == MediaType.TEXT.value:
        return None
    return _BY_OTHER_NAME.get(essence) or next((t for t in MediaType if t.value == essence), None)
