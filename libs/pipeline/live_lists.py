"""Ranked lists of an index, read as deep as it takes to hold enough rows that are live.

The index holds rows of generations that are being built, were replaced or were deleted. So every
row is checked against Postgres, and more rows are read until enough have passed: a list full of
dead rows must not push the living ones down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pipeline.store.rows import FoundRow

# Each round reads twice as many rows as the one before: 15,750 in all, within Milvus's window.
FIRST_ROUND = 250
ROUNDS_MAX = 6

Fetch = Callable[[int, int], Awaitable[list[FoundRow]]]  # limit, offset
# The generation of each document that may be shown; those left out may not.
Liveness = Callable[[Collection[UUID]], Awaitable[dict[UUID, int]]]


@dataclass(frozen=True, slots=True)
class LiveList:
    """Live rows, best first. Not `complete`: there may be more, too deep to be read."""

    rows: list[FoundRow]
    complete: bool


@dataclass(slots=True)
class _Reading:
    fetch: Fetch
    rows: list[FoundRow] = field(default_factory=list)
    exhausted: bool = False

    async def read(self, size: int) -> None:
        rows = await self.fetch(size, len(self.rows))
        self.rows += rows
        self.exhausted = len(rows) < size

    def live(self, live: dict[UUID, int]) -> list[FoundRow]:
        return [row for row in self.rows if live.get(UUID(row.document)) == row.generation]


async def live_lists(
    fetches: Sequence[Fetch], liveness: Liveness, *, wanted: int
) -> list[LiveList]:
    """The best live rows of each list, `wanted` of them if there are as many.

    A document that switched while its rows were being read may have shown only old rows, none of
    which is live any more. Then all is read once more, with the generations known before it: those
    rows are all there.
    """
    live: dict[UUID, int] = {}
    readings: list[_Reading] = []
    for _ in range(2):
        readings = [_Reading(fetch) for fetch in fetches]
        await _fill(readings, live, liveness, wanted)
        if not _has_unseen_switch(readings, live):
            break
    lists = [(reading.live(live), reading.exhausted) for reading in readings]
    return [LiveList(rows[:wanted], exhausted or len(rows) >= wanted) for rows, exhausted in lists]


async def _fill(
    readings: Sequence[_Reading], live: dict[UUID, int], liveness: Liveness, wanted: int
) -> None:
    size = FIRST_ROUND
    for _ in range(ROUNDS_MAX):
        unfilled = [
            reading
            for reading in readings
            if not reading.exhausted and len(reading.live(live)) < wanted
        ]
        if not unfilled:
            return
        await asyncio.gather(*(reading.read(size) for reading in unfilled))
        seen = {UUID(row.document) for reading in readings for row in reading.rows}
        if unknown := seen - live.keys():
            found = await liveness(unknown)
            live |= {document_id: found.get(document_id, 0) for document_id in unknown}
        size *= 2


def _has_unseen_switch(readings: Sequence[_Reading], live: dict[UUID, int]) -> bool:
    """Whether a document shows rows that were replaced and none of those that replaced them."""
    generations: dict[UUID, set[int]] = {}
    for reading in readings:
        for row in reading.rows:
            generations.setdefault(UUID(row.document), set()).add(row.generation)
    return any(live.get(document_id, 0) > max(seen) for document_id, seen in generations.items())
