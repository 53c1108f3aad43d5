"""What a row of the index is, and its id.

A row is immutable: its id follows from (document, generation, ordinal), so writing it twice is
writing it once. Ids of one document, and within it of one generation, are neighbours in order:
that is what lets the audit count rows per document in one ordered walk with bounded memory.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.document import Position

# A VARCHAR's limit counts bytes of UTF-8, and 65,535 is the most that Milvus allows.
TEXT_BYTES_MAX = 65_535
TOKENS_BYTES_MAX = 65_535
GENERATION_DIGITS = 12  # 16^12 generations of one document: more than a lifetime of overwrites
ORDINAL_DIGITS = 8  # 16^8 chunks of one document: beyond every limit of the chunker


@dataclass(frozen=True, slots=True)
class Row:
    """One chunk with its vector, as written. `tokens` is what `analysis.analyse` made of it.

    Under `context` its metadata have what stood before the text where it was embedded and analysed.
    `is_cut`: the vector is of the text's beginning only.
    """

    tenant: str
    dataset: str
    document: str
    generation: int
    ordinal: int
    dense: Sequence[float]
    text: str
    tokens: str
    content_hash: str
    char_start: int
    char_end: int
    file_name: str
    heading_path: tuple[str, ...] = ()
    position: Position = field(default_factory=Position)
    metadata: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    is_cut: bool = False

    @property
    def id(self) -> str:
        return row_id(self.document, self.generation, self.ordinal)


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One chunk as read back, without its vector."""

    id: str
    tenant: str
    dataset: str
    document: str
    generation: int
    ordinal: int
    text: str
    content_hash: str
    char_start: int
    char_end: int
    file_name: str
    heading_path: tuple[str, ...]
    position: Position
    metadata: Mapping[str, str | int | float | bool]

    @property
    def with_context(self) -> str:
        """The text as it was embedded and analysed."""
        return f"{self.metadata.get('context', '')}{self.text}"


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A row that a search found, as far as ranking needs it. The score rises with relevance; only
    scores of one search compare."""

    id: str
    document: str
    generation: int
    ordinal: int
    score: float


@dataclass(frozen=True, slots=True)
class StoredGeneration:
    """How many rows of one generation of a document the index holds; the audit's view."""

    dataset: str
    document: str
    generation: int
    rows: int
    last_id: str


def row_identity(content_hash: str, char_start: int) -> str:
    """What tells two chunks of one ordinal apart: the embedded text, and where it stands."""
    return f"{content_hash}:{char_start}"


def row_id(document: str, generation: int, ordinal: int) -> str:
    """The id of a row: 52 hexadecimal digits, ordered by generation and ordinal in a document."""
    if not 0 <= generation < 16**GENERATION_DIGITS:
        raise ValueError(f"generation {generation} is out of range")
    if not 0 <= ordinal < 16**ORDINAL_DIGITS:
        raise ValueError(f"ordinal {ordinal} is out of range")
    # Half of a SHA-256: 128 bits, so that two documents never share an id.
    owner = hashlib.sha256(document.encode()).hexdigest()[:32]
    return f"{owner}{generation:0{GENERATION_DIGITS}x}{ordinal:0{ORDINAL_DIGITS}x}"
