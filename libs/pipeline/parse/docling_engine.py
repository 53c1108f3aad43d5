"""The one door to docling-rs: a file in, its document tree as plain Python out.

We take the engine's JSON instead of the validated `DoclingDocument`: building the latter costs
more time and memory than the conversion. The package is pinned, so its inner converter is known.
"""

from functools import cache
from pathlib import Path
from typing import Any

import docling_rs
import orjson

from pipeline.errors import DocumentCorrupt, DocumentEncrypted
from pipeline.parse.encodings import Utf8Bytes, encoding_of
from pipeline.parse.media_types import SUFFIXES, MediaType
from pipeline.parse.source import Source

# The parts of docling's JSON that we read: nested dicts and lists, as its schema names them.
Tree = dict[str, Any]

NAME = f"docling-rs {docling_rs.__version__}"


# The engine reads these in any eight-bit encoding, but mail and some others not in wider ones.
_TEXTS = (
    MediaType.MARKDOWN,
    MediaType.HTML,
    MediaType.XML,
    MediaType.EMAIL,
    MediaType.MHTML,
    MediaType.ASCIIDOC,
    MediaType.LATEX,
    MediaType.VTT,
    MediaType.NOTEBOOK,
)
_WIDE = ("utf-16", "utf-32")


@cache
def _converter() -> Any:
    converter = docling_rs.DocumentConverter(
        text_layer_only=True,  # no models: PDFs give the text they carry
        do_ocr=False,
        do_table_structure=False,
        keep_picture_images=False,  # megabytes of base64 that nobody reads
        image_sources="none",  # a document never makes us fetch anything
        use_web_browser=False,
        list_attachments=False,
        ipynb_outputs="text",
    )
    return converter._inner


@cache
def _converter_with_models(models: Path, recognise: bool) -> Any:
    converter = docling_rs.DocumentConverter(
        do_ocr=recognise,
        do_table_structure=True,
        heading_hierarchy=True,
        keep_picture_images=False,
        image_sources="none",
        use_web_browser=False,
        artifacts_path=models,
    )
    return converter._inner


def convert(
    source: Source,
    *,
    pages: tuple[int, int] | None = None,
    models: Path | None = None,
    recognise: bool = False,
) -> Tree:
    """The document's tree; `pages` is a window of a PDF, from 1, both ends included. `models` is
    the folder of docling's models, for PDFs that are to be read with them, and `recognise` says
    whether text in pictures is read too.

    Raises DocumentEncrypted and DocumentCorrupt.
    """
    # The engine goes by the name, which may be wrong; this one says what the bytes are.
    path = source.scratch / f"document{SUFFIXES[source.media_type][0]}"
    if not path.exists():
        wide = source.media_type in _TEXTS and encoding_of(source.path).startswith(_WIDE)
        if wide:
            path.write_bytes(Utf8Bytes(source.path).read())
        else:
            path.symlink_to(source.path.resolve())
    converter = _converter() if models is None else _converter_with_models(models, recognise)
    return _converted(converter, path, pages)


def attachments(
    source: Source, *, entries_max: int, bytes_max: int
) -> list[docling_rs.EmailAttachment]:
    """Those of a mail, their names reduced to safe ones; what is over a limit has no data.

    Raises DocumentCorrupt.
    """
    wide = encoding_of(source.path).startswith(_WIDE)
    content = Utf8Bytes(source.path).read() if wide else source.path.read_bytes()
    try:
        found: list[docling_rs.EmailAttachment] = docling_rs.email_attachments(
            content, max_entries=entries_max, max_entry_size=bytes_max, max_total_size=bytes_max
        )
    except (docling_rs.ConversionError, ValueError, OSError) as error:
        raise DocumentCorrupt("the attachments of the mail cannot be read") from error
    return found


def _converted(converter: Any, path: Path, pages: tuple[int, int] | None) -> Tree:
    try:
        result = converter.convert(path, page_range=pages)
    except (docling_rs.EncryptionError, docling_rs.PasswordRequiredError) as error:
        raise DocumentEncrypted("the file is protected by a password") from error
    except (docling_rs.ConversionError, ValueError, OSError) as error:
        # The engine's message may quote the document, so it stays here.
        raise DocumentCorrupt("the file cannot be read as what it is") from error
    tree: Tree = orjson.loads(result.document_json)
    return tree
