"""One writer per object at a time, and no reader that sees half of a write.

R2 replaces an object in one step; the object store behind the proxy overwrites the file in place.
So a read waits for a write to end, and a read that a write overtakes is cut off: the client gets a
broken download, as from any network, never a mix of two versions that looks complete.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

ObjectName = tuple[str, str]  # bucket, key


class Reading:
    """`torn` turns true before a write touches the object."""

    def __init__(self) -> None:
        self.torn = False


class Writing:
    def __init__(self, readings: list[set[Reading]]) -> None:
        self._readings = readings

    def begin(self) -> None:
        """Call when all conditions hold, just before the objects change."""
        for reading in (reading for group in self._readings for reading in group):
            reading.torn = True


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    readings: set[Reading] = field(default_factory=set)
    users: int = 0


class KeyGate:
    def __init__(self) -> None:
        self._entries: dict[ObjectName, _Entry] = {}

    @asynccontextmanager
    async def writing(
        self, names: Collection[ObjectName], *, source: ObjectName | None = None
    ) -> AsyncIterator[Writing]:
        """Hold the objects, and the source of a copy, which is held still but not written."""
        held = set(names) | ({source} if source is not None else set())
        async with AsyncExitStack() as stack:
            for name in sorted(held):  # one order for all, or two writers could wait in a ring
                entry = await stack.enter_async_context(self._use(name))
                await stack.enter_async_context(entry.lock)
            yield Writing([self._entries[name].readings for name in names])

    @asynccontextmanager
    async def reading(self, name: ObjectName) -> AsyncIterator[Reading]:
        async with self._use(name) as entry:
            reading = Reading()
            async with entry.lock:
                entry.readings.add(reading)
            try:
                yield reading
            finally:
                entry.readings.discard(reading)

    @asynccontextmanager
    async def _use(self, name: ObjectName) -> AsyncIterator[_Entry]:
        """Entries nobody uses are dropped: the gate does not grow with the bucket."""
        entry = self._entries.setdefault(name, _Entry())
        entry.users += 1
        try:
            yield entry
        finally:
            entry.users -= 1
            if entry.users == 0:
                del self._entries[name]
