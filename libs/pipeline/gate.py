"""A gate that many pass together, and one now and then alone.

A job that was at work when a worker died may be what killed it; it runs alone the next time, so
that it takes no neighbour down with it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Shared or alone, in the order of arrival: who waits to be alone holds back later arrivals."""

    def __init__(self) -> None:
        self._entry = asyncio.Lock()
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        async with self._entry:
            self._enter()
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        async with self._entry:
            await self._empty.wait()
            self._enter()
            try:
                yield
            finally:
                self._leave()

    def _enter(self) -> None:
        self._inside += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._inside -= 1
        if self._inside == 0:
            self._empty.set()
