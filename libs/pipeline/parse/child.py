"""A parser child: takes orders from a socket, one at a time, and sends back blocks.

It ends when the socket does. Whatever a library prints goes to a file in the child's own folder,
which the pool looks into only for the words of an allocator that gave up.
"""

import errno
import os
import shutil
import socket
import tempfile
from itertools import count
from pathlib import Path

from pipeline.errors import ParserCrashed, ParserOutOfMemory, ParserScratchFull, PipelineError
from pipeline.parse import confine
from pipeline.parse.outbox import OcrAllowance, Outbox, receive
from pipeline.parse.protocol import PRINTED, Failure, Order, decode_order
from pipeline.parse.reading import Reading


def serve(connection: socket.socket, folder: Path) -> None:
    """Until the pool closes its end. `folder` is this child's alone and removed by the pool."""
    printed = _redirect_output(folder / PRINTED)
    confined = False
    for number in count():
        payload = receive(connection)
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
            _work_on(order, scratch, Outbox(connection))
        finally:
            os.chdir(folder)
            shutil.rmtree(scratch, ignore_errors=True)


def _work_on(order: Order, scratch: Path, outbox: Outbox) -> None:
    reading = Reading(
        order.path,
        file_name=order.file_name,
        content_type=order.content_type,
        limits=order.limits,
        scratch=scratch,
        before_ocr=OcrAllowance(outbox, order.limits),
        on_crop=outbox.send,
        show_life=outbox.show_life,
    )
    try:
        for block in reading:
            outbox.add(block)
    except PipelineError as error:
        last = Failure(error.code, error.message)
    except MemoryError:
        last = Failure(ParserOutOfMemory.code, "the document needs more memory than it may have")
    except OSError as error:
        last = _failure_of_system(error)
    except Exception as error:
        # The outer loop of a process, and any library may raise anything. The type alone: a
        # message may quote the document.
        last = Failure(ParserCrashed.code, f"the parser raised {type(error).__name__}")
    else:
        outbox.flush()
        outbox.send(reading.summary)
        return
    outbox.send(last)


def _failure_of_system(error: OSError) -> Failure:
    if error.errno in (errno.EFBIG, errno.ENOSPC, errno.EDQUOT):
        return Failure(ParserScratchFull.code, "the parser ran out of scratch space")
    return Failure(ParserCrashed.code, f"the parser raised {type(error).__name__}")


def _redirect_output(path: Path) -> int:
    printed = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    return printed
