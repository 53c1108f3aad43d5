"""Rows to write, of which a test names only what it is about; `named` are fields of Row."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.analysis import analyse
from pipeline.store.rows import Row

DIMENSIONS = 8


def a_row(ordinal: int = 0, *, text: str = "", **named: Any) -> Row:
    draw = random.Random(ordinal)
    text = text or f"chunk {ordinal}"
    row = Row(
        tenant="tenant",
        dataset="dataset",
        document="document",
        generation=1,
        ordinal=ordinal,
        dense=[draw.gauss(0, 1) for _ in range(DIMENSIONS)],
        text=text,
        tokens=analyse(text),
        content_hash=f"hash-{ordinal}",
        char_start=ordinal * 10,
        char_end=ordinal * 10 + len(text),
        file_name="report.pdf",
    )
    return replace(row, **named)


def rows(ordinals: Sequence[int], **named: Any) -> list[Row]:
    return [a_row(ordinal, **named) for ordinal in ordinals]
