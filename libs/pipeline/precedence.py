"""Who goes first in a worker process: the only file of somebody before the next of a crowd.

The lanes see to it that a lone file gets a thread at once. But the threads share one interpreter
and few cores, so beside four busy neighbours everything it does would still take several times as
long. They let it pass at their next step instead; it is short, so that costs them little.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

# Most files are done by then; a long one is no reason to hold up others any further.
FIRST_SECONDS = 2.0
# Of one step of a neighbour: lone files that never end slow a crowd down and do not stop it.
LET_PASS_SECONDS = 0.2


class Precedence:
    """For one event loop."""

    def __init__(self) -> None:
        self._first = 0
        self._nobody = asyncio.Event()
        self._nobody.set()

    @contextmanager
    def first(self) -> Iterator[None]:
        """Go before others, for at most `FIRST_SECONDS`."""
        self._first += 1
        self._nobody.clear()
        counted = True

        def leave() -> None:
            nonlocal counted
            if counted:
                counted = False
                self._first -= 1
                if not self._first:
                    self._nobody.set()

        ending = asyncio.get_running_loop().call_later(FIRST_SECONDS, leave)
        try:
            yield
        finally:
            ending.cancel()
            leave()

    async def let_pass(self) -> None:
        """Wait while somebody goes first, for at most `LET_PASS_SECONDS`."""
        if self._nobody.is_set():
            return
        try:
            async with asyncio.timeout(LET_PASS_SECONDS):
                await self._nobody.wait()
        except TimeoutError:
            return
