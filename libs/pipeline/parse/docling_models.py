"""The folder of docling's models for PDFs: layout, tables, recognition of text.

Looked at by the worker when it starts, and by its parser children; it imports no parser.
"""

import os
from pathlib import Path

VARIABLE = "SLUICE_DOCLING_MODELS"

# What the full pipeline cannot work without, as `docling_rs.download_models` lays it out.
REQUIRED = (
    "models/layout_heron.onnx",
    "models/ocr_rec.onnx",
    "models/ppocr_keys_v1.txt",
    "models/tableformer/encoder.onnx",
    "models/tableformer/decoder.onnx",
    "models/tableformer/bbox.onnx",
)


def checked(folder: Path) -> Path:
    """The folder as an absolute path; ValueError, for whoever set it, if it has no models."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}; `make models` makes one, or leave it empty")
    missing = [name for name in REQUIRED if not (folder / name).is_file()]
    if missing:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)}; fetch the models with `make models`, or leave it"
            " empty to read PDFs without models"
        )
    return folder


def configured() -> Path | None:
    """In a parser child: where the models are, or None to do without. The worker has checked it."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


def environment(folder: Path | None) -> dict[str, str]:
    """What tells the parser children."""
    return {} if folder is None else {VARIABLE: str(folder)}


def engine_name(folder: Path | None) -> str:
    """For the log of a worker's start."""
    return "without models" if folder is None else f"docling with the models in {folder}"
