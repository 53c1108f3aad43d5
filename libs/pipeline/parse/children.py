"""The parent's side of one child: orders out, replies in, its use watched, killed if need be."""

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path

import psutil
import structlog

from pipeline.errors import (
    DocumentError,
    ParserCrashed,
    ParserOutOfMemory,
    ParserScratchFull,
    ParserTimeout,
)
from pipeline.parse.limits import ParseLimits
from pipeline.parse.nursery import Newborn, Nursery
from pipeline.parse.protocol import (
    FRAME_BYTES_MAX,
    GO_AHEAD,
    LENGTH,
    PRINTED,
    Order,
    ProtocolError,
    Reply,
    decode_reply,
    encode_order,
    frame,
)
from pipeline.parse.scratch import bytes_in

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1  # a child can grow by some 200 MB between two looks; `confine` caps that
SCRATCH_ENTRIES_MAX = 10_000  # a parser writes a handful of files
ENDED_SECONDS = 5.0  # a killed process is gone in milliseconds
# The kernel kills without saying why; that much memory is the likely reason.
SUSPICIOUS_SHARE = 0.8
GROWN_SHARE = 0.5  # a child that keeps so much between documents would fail the next one
_ALLOCATOR_GAVE_UP = (b"memory allocation of", b"Cannot allocate memory", b"bad_alloc")
_PRINTED_TAIL = 4096


class Child:
    """Owned by the pool; lent to one parse at a time."""

    def __init__(
        self, nursery: Nursery, newborn: Newborn, folder: Path, limits: ParseLimits
    ) -> None:
        self.documents = 0
        self._nursery = nursery
        self._newborn = newborn
        self._folder = folder
        self._limits = limits
        self._memory_bytes = limits.memory_bytes  # that the document at work may have
        self._fault: DocumentError | None = None  # why we killed it, if we did
        self._watch: asyncio.Task[None] | None = None

    @property
    def is_alive(self) -> bool:
        sent, received = self._newborn.writer, self._newborn.reader
        return not (self._newborn.ended.done() or sent.is_closing() or received.at_eof())

    @property
    def has_grown(self) -> bool:
        return self._resident_bytes() > self._limits.memory_bytes * GROWN_SHARE

    def order(
        self, path: Path, *, file_name: str, content_type: str | None, limits: ParseLimits
    ) -> None:
        """Sends one document to parse, and watches what the child uses until `rest`.

        A child that is dying does not refuse: the reply then tells how it ended.
        """
        self.documents += 1
        self._memory_bytes = limits.memory_bytes
        order = Order(path.absolute(), file_name, content_type, self._folder, limits)
        with contextlib.suppress(RuntimeError):  # uvloop's word for a connection that just closed
            self._newborn.writer.write(frame(encode_order(order)))
        self._watch = asyncio.create_task(self._watch_use(limits), name="parser-watch")

    def allow_ocr(self, limits: ParseLimits) -> None:
        """More memory until the next order, and the word that the child waits for."""
        self._memory_bytes = max(limits.ocr_memory_bytes, limits.memory_bytes)
        with contextlib.suppress(RuntimeError):
            self._newborn.writer.write(frame(GO_AHEAD))

    async def reply(self) -> Reply:
        """The next one. Raises the DocumentError that says how the child ended instead."""
        try:
            header = await self._newborn.reader.readexactly(LENGTH.size)
            (length,) = LENGTH.unpack(header)
            if length > FRAME_BYTES_MAX:
                raise ProtocolError("a parser child announced a frame beyond all measure")
            return decode_reply(await self._newborn.reader.readexactly(length))
        except ProtocolError as error:
            self.kill(ParserCrashed("the parser sent something that is no reply"))
            raise ParserCrashed("the parser sent something that is no reply") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._cause_of_death() from error

    def rest(self) -> None:
        """The order is done with, one way or another."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def kill(self, fault: DocumentError) -> None:
        """At once; the reply awaited then raises `fault`."""
        if self._fault is None:
            self._fault = fault
        self._nursery.kill(self._newborn.serial)

    def discard(self) -> None:
        """Ends the child, whatever it is doing, and removes its folder."""
        self.rest()
        self._nursery.kill(self._newborn.serial)
        self._newborn.writer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _watch_use(self, limits: ParseLimits) -> None:
        while True:
            if self._resident_bytes() > self._memory_bytes:
                self.kill(ParserOutOfMemory("the document needs more memory than it may have"))
                return
            written = bytes_in(self._folder, entries_max=SCRATCH_ENTRIES_MAX)
            if written is None or written > limits.scratch_bytes:
                self.kill(ParserScratchFull("the parser wrote more than a document may"))
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _resident_bytes(self) -> int:
        if not self.is_alive:
            return 0
        try:
            resident: int = psutil.Process(self._newborn.pid).memory_info().rss
        except psutil.Error:
            return 0  # gone between the two lines; its socket tells the reader
        return resident

    async def _cause_of_death(self) -> DocumentError:
        if self._fault is not None:
            return self._fault
        # Its socket has closed, so it is dying if not dead; one that only closed it is killed.
        self._nursery.kill(self._newborn.serial)
        async with asyncio.timeout(ENDED_SECONDS):
            ending = await asyncio.shield(self._newborn.ended)
        log.warning("parser.crashed", exit_code=ending.exit_code)
        if ending.exit_code == -signal.SIGXCPU:
            return ParserTimeout("the document took more processor time than it may have")
        grew = ending.memory_peak_bytes > self._memory_bytes * SUSPICIOUS_SHARE
        if grew or self._allocator_gave_up():
            return ParserOutOfMemory("the document needs more memory than it may have")
        return ParserCrashed("the parser process ended while it read the document")

    def _allocator_gave_up(self) -> bool:
        try:
            printed = (self._folder / PRINTED).read_bytes()[-_PRINTED_TAIL:]
        except FileNotFoundError:
            return False
        return any(words in printed for words in _ALLOCATOR_GAVE_UP)
