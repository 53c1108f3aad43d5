"""The blocks of a document in a compressed file, so that nothing is parsed twice.

gzip over JSON Lines: a block a line as the pool's protocol writes it, pictures between them, the
summary last. A file without a summary was never finished and is refused.
"""

import gzip
from collections.abc import Iterable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson

from pipeline.document import Block, ParseSummary, Picture
from pipeline.parse.protocol import (
    block_fields,
    block_of,
    picture_fields,
    picture_of,
    summary_of,
)

COMPRESSION = 3  # 60 MB/s; the best level gains a tenth of the size at a sixth of the speed


class CanonicalFileBroken(Exception):
    """The file was cut short or altered; parse the document again."""


class CanonicalWriter:
    """Use as a context manager; `finish` with the summary makes the file whole."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.open(path, "wb", compresslevel=COMPRESSION)  # noqa: SIM115  see __exit__

    def write(self, block: Block) -> None:
        self._file.write(orjson.dumps(block_fields(block)) + b"\n")

    def write_picture(self, picture: Picture) -> None:
        """Where it is and how large; its crop is kept beside the file."""
        self._file.write(orjson.dumps({"picture": picture_fields(picture)}) + b"\n")

    def finish(self, summary: ParseSummary) -> None:
        """The last line; nothing may be written after it."""
        self._file.write(orjson.dumps({"summary": asdict(summary)}) + b"\n")
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What went wrong first is what happened; the disk that was full then is full here too.
        with suppress(OSError) if error is not None else nullcontext():
            self._file.close()


def read_blocks(path: Path) -> Iterator[Block]:
    """The blocks in order; raises CanonicalFileBroken, if need be after the last readable block."""
    for line in _lines(path):
        if isinstance(line, Block):
            yield line


def read_ending(path: Path) -> tuple[ParseSummary, list[Picture]]:
    """The summary, and the pictures; reads the file to its end. Raises CanonicalFileBroken."""
    pictures: list[Picture] = []
    for line in _lines(path):
        match line:
            case Picture():
                pictures.append(line)
            case ParseSummary():
                return line, pictures
    raise CanonicalFileBroken("the file has no summary")


def canonical_text(blocks: Iterable[Block]) -> str:
    """The text that all offsets count in."""
    return "".join(part for block in blocks for part in (block.separator, block.text))


def _lines(path: Path) -> Iterator[Block | Picture | ParseSummary]:
    finished = False
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                fields = orjson.loads(line)
                if isinstance(fields, dict) and "picture" in fields:
                    yield picture_of(fields["picture"])
                elif isinstance(fields, dict):
                    finished = True
                    yield summary_of(fields["summary"])
                else:
                    yield block_of(fields)
    except (EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise CanonicalFileBroken("the file of parsed blocks cannot be read") from error
    if not finished:
        raise CanonicalFileBroken("the file of parsed blocks has no end")
