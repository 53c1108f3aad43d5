"""What decides the rows of an object version, in one short string."""

import hashlib
import json

from db.repositories.documents import Target
from pipeline.analysis import ANALYSIS_VERSION
from pipeline.chunk import CHUNKER_VERSION
from pipeline.embed.model import INPUT_TOKENS, EmbeddingModel
from pipeline.images.model import ImageModel
from pipeline.parse.version import PARSER_VERSION

# Rises when rows themselves change in a way that no other version names.
ROW_VERSION = "1"
TEXT_SUFFIX = ".blocks"


def fingerprint(
    target: Target, model: EmbeddingModel, *, ocr: bool, images: ImageModel | None = None
) -> str:
    """Two equal fingerprints of one object version give the same rows, to the letter.

    Chunks that depend on vectors are as equal as the model's answers are. `ocr` says whether text
    in pictures is recognised; `images` is what embeds the pictures themselves, if anything does.
    """
    parts: list[object] = [
        ROW_VERSION,
        PARSER_VERSION,
        CHUNKER_VERSION,
        ANALYSIS_VERSION,
        target.chunk_strategy,
        target.chunk_size,
        target.chunk_overlap,
        model.space,
        target.file_name,  # it helps to tell the type, and stands in every row
    ]
    # Only where they are not what they were before anybody could choose: what is stored stays.
    if target.chunk_heading_prefix:
        parts.append("heading_prefix")
    if model.input_tokens != INPUT_TOKENS:
        parts.append(f"input_tokens:{model.input_tokens}")
    if not ocr:
        parts.append("ocr:off")
    if images is not None:
        parts.append(f"images:{images.space} {images.crops}")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def content_hash(embedded_text: str) -> str:
    """Names a text as it is embedded; vectors are reused by it within one space."""
    return hashlib.sha256(embedded_text.encode()).hexdigest()[:32]


def content_hash_of_image(data: bytes) -> str:
    """Names an image as it is embedded."""
    return hashlib.sha256(data).hexdigest()[:32]


def text_key(target: Target, etag: str, *, ocr: bool, images: ImageModel | None = None) -> str:
    """Where the canonical text of an object version is kept, in the derived bucket."""
    parser = PARSER_VERSION if ocr else f"{PARSER_VERSION} without ocr"
    if images is not None:
        parser += f" with images {images.crops}"
    version = hashlib.sha256(f"{etag}\n{parser}\n{target.file_name}".encode()).hexdigest()
    return f"{target.document_id}/{version[:32]}{TEXT_SUFFIX}"


def crop_key(text: str, ordinal: int) -> str:
    """Where the crop of a picture is kept: beside the text, which names what it was cut from."""
    return f"{text.removesuffix(TEXT_SUFFIX)}.images/{ordinal:04}.jpg"
