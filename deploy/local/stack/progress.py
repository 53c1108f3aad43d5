"""Live progress of several files: redrawn in place on a terminal, one line per change elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any, TextIO

BAR_CELLS = 20
NAME_CHARACTERS = 32


class ProgressBoard:
    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._lines_drawn = 0
        self._shown: dict[str, str] = {}

    def show(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Documents as the API lists them."""
        ordered = sorted(documents, key=lambda document: document["file_name"])
        if self._output.isatty():
            self._redraw([line_of(document) for document in ordered])
        else:
            self._append(ordered)
        self._output.flush()

    def _redraw(self, lines: list[str]) -> None:
        if self._lines_drawn:
            self._output.write(f"\x1b[{self._lines_drawn}F")  # to the start of the first line drawn
        for line in lines:
            self._output.write(f"{line}\x1b[K\n")  # and nothing after it on its line
        self._lines_drawn = len(lines)

    def _append(self, documents: Sequence[Mapping[str, Any]]) -> None:
        for document in documents:
            line = line_of(document)
            if self._shown.get(document["file_name"]) != line:
                self._shown[document["file_name"]] = line
                self._output.write(line + "\n")


def line_of(document: Mapping[str, Any]) -> str:
    finished = document["status"] == "completed"
    percent = 100 if finished else min(100, document.get("progress") or 0)
    cells = round(percent / 100 * BAR_CELLS)
    bar = "#" * cells + "." * (BAR_CELLS - cells)
    note = document.get("stage") or ""
    if finished:
        note = f"{document['chunk_count']} chunks"
    elif document["status"] == "failed":
        note = document.get("error_code") or ""
    name = document["file_name"][:NAME_CHARACTERS]
    return f"  {name:<{NAME_CHARACTERS}} [{bar}] {document['status']:<10} {note}".rstrip()
