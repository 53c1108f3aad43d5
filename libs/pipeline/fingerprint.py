"""What decides the rows of an object version, in one short string."""

import hashlib
import json

from db.repositories.documents import Target
from pipeline.analysis import ANALYSIS_VERSION
from pipeline.chunk import CHUNKER_VERSION
from pipeline.parse.version import PARSER_VERSION

# Rises when rows themselves change in a way that no other version names.
ROW_VERSION = "1"


def fingerprint(target: Target, space: str) -> str:
    """Two equal fingerprints of one object version give the same rows, to the letter."""
    parts = [
        ROW_VERSION,
        PARSER_VERSION,
        CHUNKER_VERSION,
        ANALYSIS_VERSION,
        target.chunk_strategy,
        target.chunk_size,
        target.chunk_overlap,
        space,
        target.file_name,  # it helps to tell the type, and stands in every row
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def content_hash(embedded_text: str) -> str:
    """Names a text as it is embedded; vectors are reused by it within one space."""
    return hashlib.sha256(embedded_text.encode()).hexdigest()[:32]


def text_key(target: Target, etag: str) -> str:
    """Where the canonical text of an object version is kept, in the derived bucket."""
    version = hashlib.sha256(f"{etag}\n{PARSER_VERSION}\n{target.file_name}".encode()).hexdigest()
    return f"{target.document_id}/{version[:32]}.blocks"
