"""What was embedded, text by text, for a bench that asks how much was embedded twice.

It outlives the server: a counter in memory ends with a kill, and kills are what such a bench is
about.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

HASH_DIGITS = 32


def text_hash(text: str) -> str:
    """As it stands in the ledger."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_DIGITS]


class Ledger:
    """Without a path it keeps none."""

    def __init__(self, path: Path | None) -> None:
        self._file = None
        if path is not None:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, texts: Sequence[str]) -> None:
        """In one write, so that a kill leaves whole lines."""
        if self._file is not None:
            os.write(self._file, "".join(f"{text_hash(text)}\n" for text in texts).encode())
