"""A parser child's end of the line: what it sends for one order, and how it receives."""

import socket
import time

from pipeline.document import Block
from pipeline.parse import confine
from pipeline.parse.limits import ParseLimits
from pipeline.parse.protocol import LENGTH, Reply, Sign, encode_reply, frame

# A batch leaves when it has as much: large enough to be cheap, small enough to start the next
# stage early.
BATCH_CHARS = 64 * 1024
BATCH_BLOCKS = 256
FIRST_BATCH_CHARS = 8 * 1024
LIFE_SECONDS = 2.0  # of silence, then what there is leaves: a batch, or a sign of life


class Outbox:
    """What leaves the child for one order: blocks in batches, signs between them, a last word."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._batch: list[Block] = []
        self._chars, self._limit = 0, FIRST_BATCH_CHARS
        self._sent_at = time.monotonic()

    def add(self, block: Block) -> None:
        self._batch.append(block)
        self._chars += len(block.text) + (block.table.size if block.table else 0)
        if self._chars >= self._limit or len(self._batch) >= BATCH_BLOCKS:
            self.flush()

    def flush(self) -> bool:
        """Whether there was anything to send."""
        batch, self._batch = self._batch, []
        if batch:
            self._chars, self._limit = 0, BATCH_CHARS
            self.send(batch)
        return bool(batch)

    def send(self, reply: Reply) -> None:
        self._connection.sendall(frame(encode_reply(reply)))
        self._sent_at = time.monotonic()

    def show_life(self) -> None:
        """After a step that gave no block perhaps: a slow reader is told from one that hangs."""
        if time.monotonic() - self._sent_at >= LIFE_SECONDS and not self.flush():
            self.send(Sign.READING)

    def ask_for_ocr(self) -> None:
        """Waits until the pool has raised what it allows; ends the process if the pool is gone."""
        self.send(Sign.WANTS_OCR)
        if receive(self._connection) is None:
            raise SystemExit(0)


class OcrAllowance:
    """Called before each page that is recognised: what was read before it leaves, and it adds its
    seconds to the document's."""

    def __init__(self, outbox: Outbox, limits: ParseLimits) -> None:
        self._outbox = outbox
        self._limits = limits
        self._begun = False

    def __call__(self) -> None:
        if not self._begun:
            self._outbox.flush()
            self._outbox.ask_for_ocr()
            confine.allow_memory_of_ocr()
            self._begun = True
        self._outbox.flush()
        self._outbox.send(Sign.ALIVE)
        confine.add_cpu(self._limits.ocr_page_seconds)


def receive(connection: socket.socket) -> bytes | None:
    """The payload of one frame; None if the other end was closed."""
    length = _exactly(connection, LENGTH.size)
    return None if length is None else _exactly(connection, LENGTH.unpack(length)[0])


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            return None
        received += part
    return bytes(received)
