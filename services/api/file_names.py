"""Which file names are taken, and the object keys that they become.

An object's key is `{dataset id}/{file name}`. R2 folds keys to NFC, so names are folded here too:
otherwise the event would name another key than the document.
"""

import unicodedata
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

KEY_BYTES_MAX = 1_024  # R2's limit, in UTF-8
DATASET_PREFIX_BYTES = len(f"{UUID(int=0)}/")
FILE_NAME_BYTES_MAX = KEY_BYTES_MAX - DATASET_PREFIX_BYTES
# Control characters, line and paragraph separators, halves of surrogate pairs.
REFUSED_CATEGORIES = frozenset({"Cc", "Zl", "Zp", "Cs"})


def object_key(dataset_id: UUID, file_name: str) -> str:
    return f"{dataset_id}/{file_name}"


def normalised(file_name: str) -> str:
    """The name as it is stored. ValueError, with a sentence for people, if it is not taken."""
    name = unicodedata.normalize("NFC", file_name)
    if any(unicodedata.category(character) in REFUSED_CATEGORIES for character in name):
        raise ValueError("must not contain control characters or line breaks")
    if "\\" in name:
        raise ValueError("must not contain backslashes; separate folders with /")
    segments = name.split("/")
    if "" in segments:
        raise ValueError("must not begin or end with / nor contain an empty folder name")
    if "." in segments or ".." in segments:
        raise ValueError("must not contain the folders . or ..")
    if not name.strip():
        raise ValueError("must not be blank")
    if len(name.encode()) > FILE_NAME_BYTES_MAX:
        raise ValueError(f"is longer than {FILE_NAME_BYTES_MAX} bytes in UTF-8")
    return name


FileName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=FILE_NAME_BYTES_MAX,
        description="With / between folders; no `..`, no backslash, no control characters.",
        examples=["reports/2026/summary.pdf"],
    ),
    AfterValidator(normalised),
]
