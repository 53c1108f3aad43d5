"""When a dependency was known to be down: work that waited then was not forgotten."""

import asyncio
import time

import asyncpg

from .snapshot import Observer

LOOK_SECONDS = 0.5


class Outages:
    """The spans of a run in which a breaker was open, or Postgres answered nobody."""

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []

    async def watch(self, observer: Observer) -> None:
        """Looks until it is cancelled. Two looks that found one make a span."""
        before: float | None = None
        while True:
            if await _is_one(observer):
                now = time.time()
                self._spans.append((now if before is None else before, now))
                before = now
            else:
                before = None
            await asyncio.sleep(LOOK_SECONDS)

    def seconds_within(self, start: float, end: float) -> float:
        """Of the time between two moments, both in seconds since the epoch."""
        return sum(max(0.0, min(end, last) - max(start, first)) for first, last in self._spans)


async def _is_one(observer: Observer) -> bool:
    try:
        [row] = await observer.query("select exists(select from breakers) as is_open")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        return True
    return bool(row["is_open"])
