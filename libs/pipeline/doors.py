"""How many attempts a process makes at once: hundreds at small files, four at large ones.

Calls to the embedder are filled by the files that are under way together, and an attempt at a small
file costs little but a coroutine. What a file may cost in memory goes by its size, so it takes up
that much room, at least what a small one costs besides its text and at most a quarter of all.
"""

import asyncio
import math
import time
from collections import deque
from typing import Final

LIGHTEST_BYTES: Final = 16 * 1024
SHARE_MAX: Final = 4  # so many of the heaviest go in together
# Messages are fetched a few at a time; in between nobody waits although many will come.
PRESSED_SECONDS = 1.0


class Door:
    """To a room that holds so many of the smallest files. First come, first served, so that none
    waits for ever behind smaller ones. For one event loop."""

    def __init__(self, smallest_files: int) -> None:
        self._room = smallest_files * LIGHTEST_BYTES
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._is_held = self._is_shut = False
        self._is_crowded = False  # whoever stands first has had to wait
        self._pressed_at = -math.inf  # on the monotonic clock

    @property
    def is_pressed(self) -> bool:
        """Whether somebody comes in as soon as others leave: waits, or has waited a moment ago."""
        return (
            any(not admitted.done() for _, admitted in self._waiting)
            or time.monotonic() - self._pressed_at < PRESSED_SECONDS
        )

    @property
    def is_taken(self) -> bool:
        """Whether anybody is inside."""
        return self._taken > 0

    def weight_of(self, file_bytes: int | None) -> int:
        """What `enter` and `leave` are to be told; a file of unknown size is a large one."""
        heaviest = max(self._room // SHARE_MAX, LIGHTEST_BYTES)
        return heaviest if file_bytes is None else min(max(file_bytes, LIGHTEST_BYTES), heaviest)

    async def enter(self, weight: int) -> bool:
        """Wait for room; False, and nothing taken, if the door was shut instead."""
        admitted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, admitted))
        self._admit()
        try:
            return await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled() and admitted.result():
                self.leave(weight)  # let in and called away at one moment
            raise

    def leave(self, weight: int) -> None:
        self._taken -= weight
        self._admit()

    def hold(self) -> None:
        """Let nobody in until it is shut; those who are inside may leave."""
        self._is_held = True

    def shut(self) -> None:
        """Send away who waits, and whoever comes."""
        self._is_shut = True
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            weight, admitted = self._waiting[0]
            if not admitted.done():
                if self._is_shut:
                    admitted.set_result(False)
                elif self._is_held or self._taken + weight > self._room:
                    self._is_crowded = True
                    return
                else:
                    self._taken += weight
                    admitted.set_result(True)
                    if self._is_crowded:
                        self._pressed_at = time.monotonic()
                    self._is_crowded = False
            self._waiting.popleft()
