"""A gate that many pass together, and one now and then alone.

A job that was at work when a worker died may be what killed it; it runs alone for its first while,
so that it takes no neighbour down with it. Only for a while, and only if the others leave soon: a
large file may have hours to go, and most often it was not the killer but one of the victims.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

# A dead worker's jobs are to be taken up within a minute, and half of it is the lease: several of
# them may stand in line. What kills a worker does so in its first seconds, as a rule.
ALONE_SECONDS = 10.0
PATIENCE_SECONDS = 5.0
# After the first lapse a job is most likely one of eight victims, and the others stand behind it.
ALONE_AT_FIRST_SECONDS = 4.0
PATIENCE_AT_FIRST_SECONDS = 2.0


class Gate:
    """Shared or alone, in the order of arrival: who waits to be alone holds back later arrivals."""

    def __init__(self) -> None:
        self._entry = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def way_of(self, lapses: int) -> AbstractAsyncContextManager[None]:
        """Shared, or alone for longer the more of a job's leases ran out."""
        if lapses == 0:
            return self.shared()
        if lapses == 1:
            return self.alone(ALONE_AT_FIRST_SECONDS, patience=PATIENCE_AT_FIRST_SECONDS)
        return self.alone()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._entry:
            self._enter()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def alone(
        self, seconds: float = ALONE_SECONDS, *, patience: float = PATIENCE_SECONDS
    ) -> AsyncIterator[None]:
        """Wait until nobody is inside; keep everybody else out, for at most `seconds`.

        If somebody is still inside after `patience` seconds it goes in all the same, like others.
        """
        await self._entry.acquire()
        try:
            async with asyncio.timeout(patience):
                await self._empty.wait()
        except TimeoutError:
            seconds = 0.0
        except BaseException:
            self._entry.release()
            raise
        self._enter()
        closed = True

        def open_gate() -> None:
            nonlocal closed
            if closed:
                closed = False
                self._entry.release()

        opening = asyncio.get_running_loop().call_later(seconds, open_gate)
        try:
            yield
        finally:
            opening.cancel()
            open_gate()
            self._leave()

    def _enter(self) -> None:
        self._inside += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._inside -= 1
        if self._inside == 0:
            self._empty.set()
