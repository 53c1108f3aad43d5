"""What a reader is given, what it yields, and what it notes besides."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.document import (
    AttachmentPages,
    BlockKind,
    PageNote,
    PageReason,
    Position,
    TablePart,
)
from pipeline.errors import TooLarge
from pipeline.parse.album import Album
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType

PAGE_NOTES_MAX = 1_000  # some 60 kB in a document's row
ATTACHMENTS_MAX = 200  # of a mail that are read; with more it is an archive, or made to hurt
# A text of which so much is guessed is worth a look by a person.
_WARNED = {
    PageReason.OCR_LOW_CONFIDENCE: "ocr_low_confidence",
    PageReason.OCR_LIMIT: "ocr_limit_reached",
}
# Text may be missing there, whatever a text layer holds besides.
_LACKING = frozenset(
    {PageReason.OCR_OFF, PageReason.OCR_LIMIT, PageReason.NO_TEXT, PageReason.UNREADABLE}
)


@dataclass(slots=True)
class Recognitions:
    """Pages recognised so far, those of a mail's attachments included."""

    pages: int = 0


def _nothing() -> None:
    """What a reader outside of a parser child has to ask for: nothing."""


@dataclass(frozen=True, slots=True)
class Source:
    """One document on disk, its type already known. `scratch` is emptied afterwards.

    `readers` are for what holds documents of other types: a mail and its attachments.
    `before_ocr` is to be called before each page that is recognised: it makes room for it.
    `show_life` is to be called after each step of a reader that may be long without a draft.
    `album` takes the pictures.
    """

    path: Path
    media_type: MediaType
    size: int
    limits: ParseLimits
    scratch: Path
    readers: "Mapping[MediaType, Reader]" = field(default_factory=dict)
    before_ocr: Callable[[], None] = _nothing
    show_life: Callable[[], None] = _nothing
    recognitions: Recognitions = field(default_factory=Recognitions)
    album: Album = field(default_factory=Album)

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
    table: TablePart | None = None


@dataclass(slots=True)
class Notes:
    """What a reader learns about the document as a whole while it reads."""

    page_count: int | None = None
    warnings: list[str] = field(default_factory=list)
    pages_with_text: int | None = None
    pages_by_ocr: int | None = None
    page_notes: list[PageNote] = field(default_factory=list)
    attachments: list[AttachmentPages] = field(default_factory=list)
    shown_without_text: bool = False  # some page shows what could be text, and has none

    def warn(self, code: str) -> None:
        """Note a stable code, once."""
        if code not in self.warnings:
            self.warnings.append(code)

    def page_read(
        self, drafts: list[Draft], note: PageNote | None, *, has_text: bool = False
    ) -> None:
        """Count a page of a type whose pages may be pictures; call it once for each.

        `has_text`: it has some, whatever the drafts say.
        """
        by_ocr = note is not None and note.reason in (
            PageReason.OCR,
            PageReason.OCR_LOW_CONFIDENCE,
        )
        has_text = has_text or any(draft.text.strip() for draft in drafts)
        self.pages_with_text = (self.pages_with_text or 0) + has_text
        self.pages_by_ocr = (self.pages_by_ocr or 0) + by_ocr
        if note is None:
            self.shown_without_text |= not has_text
            return
        lacks_text = not has_text and note.reason is not PageReason.BLANK
        self.shown_without_text |= lacks_text or note.reason in _LACKING
        if note.reason in _WARNED:
            self.warn(_WARNED[note.reason])
        if len(self.page_notes) < PAGE_NOTES_MAX:
            self.page_notes.append(note)

    def all_pages_read(self) -> None:
        """Call it after the last page: says that some have text and others lack it."""
        if self.shown_without_text and self.pages_with_text:
            self.warn("pages_without_text")

    def add_attachment(self, name: str, inner: "Notes") -> None:
        """Take over the pages of an attached file, or of those that an attached mail has: the
        counts are added up, the notes and the counts of each file name it."""
        self.page_count = _total(self.page_count, inner.page_count)
        self.pages_with_text = _total(self.pages_with_text, inner.pages_with_text)
        self.pages_by_ocr = _total(self.pages_by_ocr, inner.pages_by_ocr)
        room = PAGE_NOTES_MAX - len(self.page_notes)
        self.page_notes += [
            replace(note, attachment=_inner_name(name, note.attachment))
            for note in inner.page_notes[:room]
        ]
        if inner.attachments:
            self.attachments += [
                replace(each, name=_inner_name(name, each.name)) for each in inner.attachments
            ]
        elif inner.page_count is not None:
            own = AttachmentPages(name, inner.page_count, inner.pages_with_text, inner.pages_by_ocr)
            self.attachments.append(own)


def _total(one: int | None, other: int | None) -> int | None:
    return one if other is None else (one or 0) + other


def _inner_name(outer: str, inner: str | None) -> str:
    return f"{outer}/{inner}" if inner else outer


Reader = Callable[[Source, Notes], Iterator[Draft]]
