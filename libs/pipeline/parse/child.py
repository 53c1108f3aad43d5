"""A parser child: takes orders from a socket, one at a time, and sends back blocks.

It ends when the socket does. Whatever a library prints goes to a file in the child's own folder,
which the pool looks into only for the words of an allocator that gave up.
"""

import errno
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from pipeline.document import Block
from pipeline.errors import ParserCrashed, ParserOutOfMemory, ParserScratchFull, PipelineError
from pipeline.parse import confine
from pipeline.parse.protocol import (
    LENGTH,
    PRINTED,
    Failure,
    Order,
    Reply,
    decode_order,
    encode_reply,
    frame,
)
from pipeline.parse.reading import Reading

# A batch leaves when it has as much: large enough to be cheap, small enough to start the next
# stage early.
BATCH_CHARS = 64 * 1024
BATCH_BLOCKS = 256
FIRST_BATCH_CHARS = 8 * 1024


def serve(connection: socket.socket, folder: Path) -> None:
    """Until the pool closes its end. `folder` is this child's alone and removed by the pool."""
    printed = _redirect_output(folder / PRINTED)
    confined = False
    for number in count():
        payload = _receive(connection)
        if payload is None:
            return
        order = decode_order(payload)
        if not confined:
            confine.limit_process(order.limits)
            confine.refuse_network_and_programs()
            confined = True
        confine.limit_cpu(order.limits.cpu_seconds)
        os.ftruncate(printed, 0)
        scratch = order.scratch / str(number)
        scratch.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)  # what libraries leave goes with it
        os.chdir(scratch)
        try:
            for reply in _replies(order, scratch):
                connection.sendall(frame(encode_reply(reply)))
        finally:
            os.chdir(folder)
            shutil.rmtree(scratch, ignore_errors=True)


def _replies(order: Order, scratch: Path) -> Iterator[Reply]:
    reading = Reading(
        order.path,
        file_name=order.file_name,
        content_type=order.content_type,
        limits=order.limits,
        scratch=scratch,
    )
    try:
        yield from _batches(iter(reading))
        yield reading.summary
    except PipelineError as error:
        yield Failure(error.code, error.message)
    except MemoryError:
        yield Failure(ParserOutOfMemory.code, "the document needs more memory than it may have")
    except OSError as error:
        yield _failure_of_system(error)
    except Exception as error:
        # The outer loop of a process, and any library may raise anything. The type alone: a
        # message may quote the document.
        yield Failure(ParserCrashed.code, f"the parser raised {type(error).__name__}")


def _failure_of_system(error: OSError) -> Failure:
    if error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT):
        return Failure(ParserScratchFull.code, "the parser ran out of scratch space")
    return Failure(ParserCrashed.code, f"the parser raised {type(error).__name__}")


def _batches(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    batch: list[Block] = []
    chars, limit = 0, FIRST_BATCH_CHARS
    for block in blocks:
        batch.append(block)
        chars += len(block.text)
        if chars >= limit or len(batch) >= BATCH_BLOCKS:
            yield batch
            batch, chars, limit = [], 0, BATCH_CHARS
    if batch:
        yield batch


def _redirect_output(path: Path) -> int:
    printed = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    return printed


def _receive(connection: socket.socket) -> bytes | None:
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
