"""A gate that many pass together, those that lapsed in small companies, and some alone.

A job that was at work when a worker died may be what killed it. But hundreds were, and most of them
are done in a second: after their first lapse they go in together, a few dozen at a time and nobody
else with them. If one of those kills its worker again, only the few are under suspicion, and each
of them runs alone for its first while, so that it takes no neighbour down with it. Only for a
while, and only if the others leave soon: a large file may have hours to go, and most often it was
not the killer but one of the victims.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

# A dead worker's jobs are to be taken up within a minute, and half of it is the lease: several of
# them may stand in line. What kills a worker does so in its first seconds, as a rule.
ALONE_SECONDS = 10.0
PATIENCE_SECONDS = 5.0
# Eight companies take what one worker had under way of small files (`doors.py`).
COMPANY = 32
COMPANY_SECONDS = 2.5
COMPANY_PATIENCE_SECONDS = 2.0


class Gate:
    """In the order of arrival: who waits to be without others holds back later arrivals."""

    def __init__(self) -> None:
        self._entry = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._lapsed: deque[asyncio.Future[None]] = deque()
        self._usher: asyncio.Task[None] | None = None
        self._company = 0
        self._company_left = asyncio.Event()

    def way_of(self, lapses: int) -> AbstractAsyncContextManager[None]:
        """Shared, in company, or alone, the more of a job's leases ran out."""
        if lapses == 0:
            return self.shared()
        return self.in_company() if lapses == 1 else self.alone()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._entry:
            self._enter()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def in_company(self) -> AsyncIterator[None]:
        """Go in with up to `COMPANY` others that asked for the same, when nobody else is inside.

        Others are kept out while companies follow each other, each when the one before it has left
        or was inside for `COMPANY_SECONDS`. If somebody is still inside after
        `COMPANY_PATIENCE_SECONDS` they go in all the same.
        """
        admitted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lapsed.append(admitted)
        if self._usher is None:
            self._usher = asyncio.create_task(self._lead_companies())
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self._leave_company()
            raise
        try:
            yield
        finally:
            self._leave_company()

    @asynccontextmanager
    async def alone(
        self, seconds: float = ALONE_SECONDS, *, patience: float = PATIENCE_SECONDS
    ) -> AsyncIterator[None]:
        """Wait until nobody is inside; keep everybody else out, for at most `seconds`.

        If somebody is still inside after `patience` seconds it goes in all the same, like others.
        """
        await self._entry.acquire()
        try:
            if not await self._is_empty_within(patience):
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

    async def _lead_companies(self) -> None:
        try:
            async with self._entry:
                await self._is_empty_within(COMPANY_PATIENCE_SECONDS)
                while self._let_company_in():
                    try:
                        async with asyncio.timeout(COMPANY_SECONDS):
                            await self._company_left.wait()
                    except TimeoutError:
                        continue  # the next go in beside them
        finally:
            self._usher = None

    def _let_company_in(self) -> bool:
        """Whether there was one; those of an earlier one that are still inside count too."""
        came = 0
        while self._lapsed and came < COMPANY:
            admitted = self._lapsed.popleft()
            if not admitted.done():
                admitted.set_result(None)
                self._enter()
                came += 1
        self._company += came
        self._company_left.clear()
        return came > 0

    def _leave_company(self) -> None:
        self._company -= 1
        if self._company == 0:
            self._company_left.set()
        self._leave()

    async def _is_empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def _enter(self) -> None:
        self._inside += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._inside -= 1
        if self._inside == 0:
            self._empty.set()
