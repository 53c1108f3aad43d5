"""What a file is by its name: a hint, as the product reads the bytes."""

import mimetypes
from pathlib import Path

# Python's own table knows neither of them everywhere.
MORE = {
    ".md": "text/markdown",
    ".jsonl": "application/jsonl",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def content_type_of(path: Path) -> str | None:
    return MORE.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
