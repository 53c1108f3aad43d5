"""The real stores, with points at which an attempt can be held: after a look and after a write.

An attempt is held only where it was started with a `Gate` in its context. The store's clock is the
test's: it runs a minute with every change of an object, where the server's would need a second.
"""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from pipeline.store.objects import ObjectStore, ObjectVersion
from pipeline.store.rows import Row
from pipeline.store.vectors import VectorStore


@dataclass(slots=True)
class Gate:
    """Where one attempt stops until it is let through to the next point, or to its end."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)


GATE: ContextVar[Gate | None] = ContextVar("gate", default=None)


async def stop_here() -> None:
    gate = GATE.get()
    if gate is not None:
        gate.arrived.set()
        await gate.opened.wait()
        gate.opened.clear()


class HeldObjects(ObjectStore):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.times: dict[str, datetime] = {}

    async def head(self, key: str) -> ObjectVersion | None:
        version = await super().head(key)
        await stop_here()
        return version

    async def _head(self, key: str) -> ObjectVersion | None:
        version = await super()._head(key)
        return version and replace(version, last_modified=self.times[key])


class HeldVectors(VectorStore):
    async def write(self, space: str, rows: Sequence[Row]) -> None:
        await super().write(space, rows)
        await stop_here()

    async def delete_document(self, space: str, *, dataset: str, document: str) -> None:
        await super().delete_document(space, dataset=dataset, document=document)
        await stop_here()
