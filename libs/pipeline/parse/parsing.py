"""One parse in progress, as its reader sees it: batches of blocks, then a summary, or one error."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from pipeline.document import Block, Crop, ParseSummary
from pipeline.errors import (
    DocumentCorrupt,
    DocumentEncrypted,
    DocumentError,
    ParserCrashed,
    ParserOutOfMemory,
    ParserScratchFull,
    ParserTimeout,
    PermanentError,
    TooLarge,
    TooManyPages,
    UnsupportedType,
)
from pipeline.parse.children import Child
from pipeline.parse.limits import ParseLimits
from pipeline.parse.protocol import Failure, Reply, Sign
from pipeline.parse.turns import Guest

# What a child may report of itself or of a document; it has no say in anything else.
_REPORTED: dict[str, type[PermanentError] | type[DocumentError]] = {
    error.code: error
    for error in (
        DocumentCorrupt,
        DocumentEncrypted,
        UnsupportedType,
        TooLarge,
        TooManyPages,
        ParserOutOfMemory,
        ParserCrashed,
        ParserScratchFull,
    )
}


class Lender(Protocol):
    """Who the child is borrowed from."""

    limits: ParseLimits

    async def acquire(self, guest: Guest) -> Child: ...

    def release(self, child: Child, guest: Guest, *, healthy: bool) -> None: ...


OnCrop = Callable[[Crop], Awaitable[None]]


async def dropped(_: Crop) -> None:
    """Where nobody wants pictures."""


class Parsing:
    """Leaving it before the last batch, by an error or a cancellation too, kills the child.

    The child stops producing while nobody reads: what it has sent ahead is bounded by the buffers
    of one socket.
    """

    def __init__(
        self,
        lender: Lender,
        path: Path,
        *,
        file_name: str,
        content_type: str | None,
        guest: Guest,
        on_crop: OnCrop = dropped,
    ) -> None:
        self._lender = lender
        self._limits = lender.limits
        self._guest = guest
        self._path = path
        self._file_name = file_name
        self._content_type = content_type
        self._child: Child | None = None
        self._summary: ParseSummary | None = None
        self._at_rest = False  # the child has said its last word on this document
        self._waited_seconds = 0.0
        self._ocr_pages = 0
        self._char_end = 0
        self._on_crop = on_crop
        self._crops = 0

    @property
    def summary(self) -> ParseSummary:
        """Known once the iteration has ended."""
        if self._summary is None:
            raise RuntimeError("the parse has not come to its end")
        return self._summary

    async def __aenter__(self) -> Self:
        child = self._child = await self._lender.acquire(self._guest)
        self._limits = self._lender.limits.for_file(self._path.stat().st_size)
        child.order(
            self._path,
            file_name=self._file_name,
            content_type=self._content_type,
            limits=self._limits,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.rest()
            self._lender.release(child, self._guest, healthy=self._at_rest)

    def __aiter__(self) -> AsyncIterator[list[Block]]:
        return self._batches()

    async def _batches(self) -> AsyncIterator[list[Block]]:
        """Raises the typed error of the document or of the limit it broke."""
        if self._child is None:
            raise RuntimeError("a parse is read inside `async with`")
        while True:
            reply = await self._reply(self._child)
            match reply:
                case ParseSummary():
                    self._at_rest = True
                    self._summary = reply
                    return
                case Failure():
                    raise self._error_of(reply)
                case Sign():
                    self._heed(reply, self._child)
                case Crop():
                    self._check_crop(reply)
                    await self._on_crop(reply)
                case _:
                    self._check_offsets(reply)
                    yield reply

    def _heed(self, sign: Sign, child: Child) -> None:
        if sign is Sign.READING:
            return  # the silence is over, and the time of the document runs on
        if not self._limits.ocr or self._ocr_pages > self._limits.ocr_pages_max:
            raise ParserCrashed("the parser recognises what it was not asked to")
        match sign:
            case Sign.WANTS_OCR:
                child.allow_ocr(self._limits)
            case Sign.ALIVE:
                self._ocr_pages += 1

    def _check_crop(self, crop: Crop) -> None:
        if crop.picture.ordinal != self._crops or self._crops >= self._limits.pictures_max:
            raise ParserCrashed("the parser sends pictures that it was not asked for")
        self._crops += 1

    async def _reply(self, child: Child) -> Reply:
        limits = self._limits
        begun = time.monotonic()
        allowed = limits.wall_seconds + self._ocr_pages * limits.ocr_page_seconds
        patience = min(limits.silence_seconds, allowed - self._waited_seconds)
        try:
            async with asyncio.timeout(max(patience, 0.0)):
                return await child.reply()
        except TimeoutError:
            fault = ParserTimeout("the document took more time than it may have")
            child.kill(fault)
            raise fault from None
        finally:
            self._waited_seconds += time.monotonic() - begun

    def _error_of(self, failure: Failure) -> PermanentError | DocumentError:
        kind = _REPORTED.get(failure.code, ParserCrashed)
        # After a verdict on the document the child is as good as before; after trouble of its own
        # nobody knows.
        self._at_rest = issubclass(kind, PermanentError)
        return kind(failure.message)

    def _check_offsets(self, blocks: list[Block]) -> None:
        for block in blocks:
            if block.char_start != self._char_end + len(block.separator):
                raise ParserCrashed("the parser's offsets do not add up")
            self._char_end = block.char_end
