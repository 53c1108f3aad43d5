"""One document, from a file to its blocks and its summary; runs inside a child process."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.document import Block, Crop, ParseSummary
from pipeline.parse.album import Album
from pipeline.parse.detect import detect
from pipeline.parse.layout import lay_out
from pipeline.parse.limits import ParseLimits
from pipeline.parse.media_types import MediaType, named_type
from pipeline.parse.registry import READERS
from pipeline.parse.source import Notes, Source


class Reading:
    """Iterate over the blocks; then `summary` is known.

    Raises the PermanentErrors that a document can earn: of its type, its content or its size.
    """

    def __init__(
        self,
        path: Path,
        *,
        file_name: str,
        content_type: str | None,
        limits: ParseLimits,
        scratch: Path,
        before_ocr: Callable[[], None] = lambda: None,
        on_crop: Callable[[Crop], None] = lambda _: None,
        show_life: Callable[[], None] = lambda: None,
    ) -> None:
        """`before_ocr` is called before each page that is recognised, `on_crop` with each picture
        while the blocks are read, `limits.pictures_max` of them at most, `show_life` after each
        step of a reader that may be long without a block."""
        self._path = path
        self._file_name = file_name
        self._content_type = content_type
        self._limits = limits
        self._scratch = scratch
        self._before_ocr = before_ocr
        self._album = Album(limits.pictures_max, on_crop)
        self._show_life = show_life
        self._summary: ParseSummary | None = None

    @property
    def summary(self) -> ParseSummary:
        if self._summary is None:
            raise RuntimeError("the document has not been read to its end")
        return self._summary

    def __iter__(self) -> Iterator[Block]:
        size = self._path.stat().st_size
        if size == 0:
            named = named_type(self._file_name, self._content_type) or MediaType.TEXT
            self._summary = ParseSummary(named.value, parser="none", warnings=("empty_file",))
            return
        media_type = detect(
            self._path,
            file_name=self._file_name,
            content_type=self._content_type,
            limits=self._limits,
        )
        reader, notes, end = READERS[media_type], Notes(), 0
        source = Source(
            self._path,
            media_type,
            size,
            self._limits,
            self._scratch,
            readers=READERS,
            before_ocr=self._before_ocr,
            album=self._album,
            show_life=self._show_life,
        )
        for block in lay_out(reader(source, notes), characters_max=self._limits.characters_max):
            end = block.char_end
            yield block
        if end == 0:
            notes.warn("no_text_found")
        if self._album.overflowed:
            notes.warn("images_limit_reached")
        if self._album.left_out:
            notes.warn("images_left_out")
        self._summary = ParseSummary(
            media_type.value,
            parser=reader.__name__,
            page_count=notes.page_count,
            char_count=end,
            warnings=tuple(notes.warnings),
            pages_with_text=notes.pages_with_text,
            pages_by_ocr=notes.pages_by_ocr,
            page_notes=tuple(notes.page_notes),
            attachments=tuple(notes.attachments),
        )
