"""The shape of a collection: one per embedding space, the same fields in each.

It uses only what Milvus 2.5, 2.6 and Milvus Lite have in common. Hence zero and the empty string
stand for "none" (no nullable fields), and text is analysed on our side: `tokens` holds ASCII
letters and digits between blanks, which the `standard` analyzer of every server splits alike.
"""

import re
from collections.abc import Mapping
from typing import Any

from pymilvus import DataType, Function, FunctionType, MilvusClient

from pipeline.document import Box, Position
from pipeline.store.rows import TEXT_BYTES_MAX, TOKENS_BYTES_MAX, Row, StoredRow

ID_BYTES_MAX = 64
KEY_BYTES_MAX = 256  # tenants, datasets and documents are UUIDs; hashes have 64 digits
NAME_BYTES_MAX = 1_024  # an object key's limit in R2; also the most kept of a heading or sheet name
HEADINGS_MAX = 32  # levels of headings above a chunk; deeper ones are dropped
PARTITIONS = 16  # Milvus's own default: buckets that datasets are hashed into
CUT = "cut"  # among the metadata of a row whose vector is of its text's beginning only
NAME_FORMAT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")

STORED_FIELDS = [
    "id",
    "tenant",
    "dataset",
    "document",
    "generation",
    "ordinal",
    "text",
    "content_hash",
    "char_start",
    "char_end",
    "file_name",
    "heading_path",
    "page",
    "line",
    "sheet",
    "box",
    "metadata",
]


def collection_name(prefix: str, space: str) -> str:
    """The collection of an embedding space; ValueError if Milvus would refuse the name."""
    name = f"{prefix}{space}"
    if NAME_FORMAT.fullmatch(name) is None:
        raise ValueError(f"{name!r} cannot name a collection")
    return name


def schema(dimensions: int) -> Any:
    """The fields. `dataset` is the partition key: it narrows the work, it isolates nothing."""
    fields = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    text = DataType.VARCHAR
    fields.add_field("id", text, is_primary=True, max_length=ID_BYTES_MAX)
    fields.add_field("dataset", text, max_length=KEY_BYTES_MAX, is_partition_key=True)
    for name in ("tenant", "document", "content_hash"):
        fields.add_field(name, text, max_length=KEY_BYTES_MAX)
    for name in ("generation", "ordinal", "char_start", "char_end", "page", "line"):
        fields.add_field(name, DataType.INT64)
    for name in ("file_name", "sheet"):
        fields.add_field(name, text, max_length=NAME_BYTES_MAX)
    fields.add_field(
        "heading_path",
        DataType.ARRAY,
        element_type=text,
        max_capacity=HEADINGS_MAX,
        max_length=NAME_BYTES_MAX,
    )
    fields.add_field("box", DataType.ARRAY, element_type=DataType.DOUBLE, max_capacity=4)
    fields.add_field("metadata", DataType.JSON)
    fields.add_field("text", text, max_length=TEXT_BYTES_MAX)
    fields.add_field(
        "tokens",
        text,
        max_length=TOKENS_BYTES_MAX,
        enable_analyzer=True,
        analyzer_params={"type": "standard"},
    )
    fields.add_field("dense", DataType.FLOAT_VECTOR, dim=dimensions)
    fields.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
    fields.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["tokens"],
            output_field_names=["sparse"],
        )
    )
    return fields


def indexes() -> Any:
    """The indexes: what the server thinks best for the vectors, BM25 as it was measured."""
    params = MilvusClient.prepare_index_params()
    params.add_index("dense", index_type="AUTOINDEX", metric_type="COSINE")
    params.add_index(
        "sparse",
        index_type="SPARSE_INVERTED_INDEX",
        metric_type="BM25",
        params={"bm25_k1": 1.2, "bm25_b": 0.75},
    )
    return params


def to_record(row: Row) -> dict[str, object]:
    """A row as Milvus takes it."""
    box = row.position.box
    return {
        "id": row.id,
        "tenant": row.tenant,
        "dataset": row.dataset,
        "document": row.document,
        "generation": row.generation,
        "ordinal": row.ordinal,
        "dense": row.dense,
        "text": row.text,
        "tokens": row.tokens,
        "content_hash": row.content_hash,
        "char_start": row.char_start,
        "char_end": row.char_end,
        "file_name": shorten(row.file_name),
        "heading_path": [shorten(heading) for heading in row.heading_path[:HEADINGS_MAX]],
        "page": row.position.page or 0,
        "line": row.position.line or 0,
        "sheet": shorten(row.position.sheet or ""),
        "box": [] if box is None else [box.left, box.top, box.right, box.bottom],
        "metadata": {
            **row.metadata,
            **_inner_place(row.position),
            **({CUT: True} if row.is_cut else {}),
        },
    }


def _inner_place(position: Position) -> dict[str, str | int]:
    """What only some formats know of a place; in the field that takes anything."""
    known = {
        "attachment": position.attachment and shorten(position.attachment),
        "path": position.path and shorten(position.path),
        "line_end": position.line_end,
    }
    return {name: value for name, value in known.items() if value}


def from_record(record: Mapping[str, Any]) -> StoredRow:
    """A row as Milvus gives it."""
    box = [float(edge) for edge in record["box"] or ()]
    metadata = dict(record["metadata"] or {})
    metadata.pop(CUT, None)
    return StoredRow(
        id=record["id"],
        tenant=record["tenant"],
        dataset=record["dataset"],
        document=record["document"],
        generation=record["generation"],
        ordinal=record["ordinal"],
        text=record["text"],
        content_hash=record["content_hash"],
        char_start=record["char_start"],
        char_end=record["char_end"],
        file_name=record["file_name"],
        heading_path=tuple(record["heading_path"] or ()),
        position=Position(
            page=record["page"] or None,
            sheet=record["sheet"] or None,
            line=record["line"] or None,
            box=Box(*box) if len(box) == 4 else None,
            line_end=metadata.pop("line_end", None),
            attachment=metadata.pop("attachment", None),
            path=metadata.pop("path", None),
        ),
        metadata=metadata,
    )


def shorten(name: str) -> str:
    """A name cut to what its field holds, never inside a character."""
    encoded = name.encode()
    if len(encoded) <= NAME_BYTES_MAX:
        return name
    return encoded[:NAME_BYTES_MAX].decode(errors="ignore")
