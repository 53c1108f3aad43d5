"""Writing files that others read at any moment, and that hold secrets."""

import os
from pathlib import Path

PRIVATE_FILE = 0o600


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody but its owner can read it, not even for a moment."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
