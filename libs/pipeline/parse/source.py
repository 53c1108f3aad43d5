"""What a reader is given, what it yields, and what it notes besides."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.document import BlockKind, Position
from pipeline.errors import TooLarge
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType


@dataclass(frozen=True, slots=True)
class Source:
    """One document on disk, its type already known. `scratch` is emptied afterwards.

    `readers` are for what holds documents of other types: a mail and its attachments.
    """

    path: Path
    media_type: MediaType
    size: int
    limits: ParseLimits
    scratch: Path
    readers: "Mapping[MediaType, Reader]" = field(default_factory=dict)

    def must_fit_in_memory(self) -> None:
        """For readers that hold the whole file; raises TooLarge."""
        if self.size > self.limits.whole_file_bytes:
            raise TooLarge(
                f"a {self.media_type.value} file may have at most "
                f"{self.limits.whole_file_bytes} bytes"
            )


@dataclass(frozen=True, slots=True)
class Draft:
    """A block before its place in the canonical text is known."""

    text: str
    kind: BlockKind = BlockKind.PARAGRAPH
    separator: str = "\n\n"
    heading_path: tuple[str, ...] = ()
    position: Position = field(default_factory=Position)


@dataclass(slots=True)
class Notes:
    """What a reader learns about the document as a whole while it reads."""

    page_count: int | None = None
    warnings: list[str] = field(default_factory=list)

    def warn(self, code: str) -> None:
        """Note a stable code, once."""
        if code not in self.warnings:
            self.warnings.append(code)


Reader = Callable[[Source, Notes], Iterator[Draft]]
