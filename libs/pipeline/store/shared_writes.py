"""Rows of many documents in one request: whoever comes while others are being written waits for
them, and those who have waited go together. A lone write goes at once.

An index takes a request of a hundred rows in little more time than one of a single row, and small
files have a single row each.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from pipeline.store.rows import Row
from pipeline.store.vector_errors import RowRejected

ROWS_MAX = 500
BYTES_MAX = 4 * 1024 * 1024  # far below gRPC's 64 MB, and small enough to be retried cheaply
REQUESTS = 4  # at once: enough to keep a server busy while answers are on their way
FLOAT_BYTES = 4

# Writes rows to a space in one request; all of them, or an error.
Write = Callable[[str, list[Row]], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Part:
    """What one caller waits for; small enough for one request."""

    space: str
    rows: list[Row]
    bytes: int
    done: asyncio.Future[None]


class SharedWrites:
    """For one event loop."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: deque[_Part] = deque()
        self._requests: set[asyncio.Task[None]] = set()

    async def write(self, space: str, rows: Sequence[Row]) -> None:
        """Write rows, replacing those of the same id; all of them, or an error.

        Raises what the write raises, and RowRejected only to whom it concerns. Cancelling drops
        what has not left yet.
        """
        loop = asyncio.get_running_loop()
        for part, size in _parts(rows):
            waiting = _Part(space, part, size, loop.create_future())
            self._waiting.append(waiting)
            self._send()
            await waiting.done

    def _send(self) -> None:
        while self._waiting and len(self._requests) < REQUESTS:
            if together := self._take():
                request = asyncio.create_task(self._request(together))
                self._requests.add(request)
                request.add_done_callback(self._ended)

    def _ended(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        self._send()

    def _take(self) -> list[_Part]:
        """From the head of the line what fits into one request."""
        taken: list[_Part] = []
        rows = size = 0
        while self._waiting:
            part = self._waiting[0]
            if not part.done.done():  # or else cancelled
                rows, size = rows + len(part.rows), size + part.bytes
                is_full = rows > ROWS_MAX or size > BYTES_MAX
                if taken and (is_full or part.space != taken[0].space):
                    break
                taken.append(part)
            self._waiting.popleft()
        return taken

    async def _request(self, together: list[_Part]) -> None:
        try:
            await self._write(together[0].space, [row for part in together for row in part.rows])
        except RowRejected as error:
            if len(together) > 1:
                middle = len(together) // 2
                await self._request(together[:middle])
                await self._request(together[middle:])
            else:
                _fail(together, error)
        except asyncio.CancelledError:
            for part in together:
                part.done.cancel()
            raise
        except Exception as error:  # whoever waits raises it; nobody else awaits this
            _fail(together, error)
        else:
            for part in together:
                if not part.done.done():
                    part.done.set_result(None)


def _fail(parts: Sequence[_Part], error: BaseException) -> None:
    for part in parts:
        if not part.done.done():
            part.done.set_exception(error)


def _parts(rows: Sequence[Row]) -> list[tuple[list[Row], int]]:
    """In requests that keep the limits, with the bytes of each."""
    parts: list[tuple[list[Row], int]] = []
    part: list[Row] = []
    size = 0
    for row in rows:
        weight = len(row.dense) * FLOAT_BYTES + len(row.text.encode()) + len(row.tokens)
        if part and (len(part) == ROWS_MAX or size + weight > BYTES_MAX):
            parts.append((part, size))
            part, size = [], 0
        part.append(row)
        size += weight
    if part:
        parts.append((part, size))
    return parts
