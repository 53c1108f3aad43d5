"""Parser children behind an asyncio face: one document at a time each, bounded and killable.

    async with pool.parse(path, file_name=..., content_type=...) as parsing:
        async for blocks in parsing: ...
    parsing.summary

A child is a copy of the template process (see `template.py`) and is replaced after a number of
documents, which is where leaks live, and after any fault.
"""

import shutil
from pathlib import Path

from pipeline.errors import ParserCrashed
from pipeline.parse.children import Child
from pipeline.parse.docling_models import environment
from pipeline.parse.limits import ParseLimits
from pipeline.parse.nursery import Nursery, new_folder
from pipeline.parse.parsing import OnCrop, Parsing, dropped
from pipeline.parse.scratch import ScratchFolder
from pipeline.parse.turns import Guest, Turns
from pipeline.parse.version import PARSER_VERSION

__all__ = ["PARSER_VERSION", "Guest", "ParserPool", "Parsing"]

NOBODY = Guest()


class ParserPool:
    """At most `children` parses at once; further ones wait their turn. Bound to one event loop.

    With more than one child, one dataset never holds them all, and large files hold half at most.
    """

    def __init__(
        self,
        *,
        children: int,
        limits: ParseLimits,
        documents_per_child: int = 50,
        scratch: Path,
        docling_models: Path | None = None,
    ) -> None:
        self.limits = limits
        self._documents_per_child = documents_per_child
        self._children = children
        self._scratch = ScratchFolder(scratch)
        self._environment = environment(docling_models)
        self._turns = Turns(children)
        self._idle: list[Child] = []
        self._nursery: Nursery | None = None

    async def start(self) -> None:
        """Loads the parsers (seconds) and starts the children; raises ParserCrashed."""
        self._nursery = Nursery(self._scratch.open(), self._environment)
        try:
            await self._nursery.start()
            self._idle = [await self._new_child() for _ in range(self._children)]
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Kills what is running and removes the scratch folder. A second call does nothing."""
        idle, self._idle = self._idle, []
        for child in idle:
            child.discard()
        if self._nursery is not None:
            await self._nursery.close()
            self._nursery = None
        self._scratch.close()

    def parse(
        self,
        path: Path,
        *,
        file_name: str,
        content_type: str | None,
        guest: Guest = NOBODY,
        on_crop: OnCrop = dropped,
    ) -> Parsing:
        """An asynchronous context manager; the file must stay where it is until it is left.

        `on_crop` is called with each picture, in their order, between two batches of blocks.
        """
        return Parsing(
            self,
            path,
            file_name=file_name,
            content_type=content_type,
            guest=guest,
            on_crop=on_crop,
        )

    async def acquire(self, guest: Guest) -> Child:
        """A child that waits for an order; raises ParserCrashed if none can be started."""
        await self._turns.take(guest)
        try:
            while self._idle:
                child = self._idle.pop()
                if child.is_alive:
                    return child
                child.discard()
            return await self._new_child()
        except BaseException:
            self._turns.give_back(guest)
            raise

    def release(self, child: Child, guest: Guest, *, healthy: bool) -> None:
        """Takes the child back, or ends it if it is unwell, worn or grown."""
        if healthy and child.documents < self._documents_per_child and not child.has_grown:
            self._idle.append(child)
        else:
            child.discard()
        self._turns.give_back(guest)

    async def _new_child(self) -> Child:
        if self._nursery is None:
            raise RuntimeError("the parser pool is not started")
        folder = new_folder(self._scratch.path)
        try:
            try:
                newborn = await self._nursery.give_birth(folder)
            except ParserCrashed:
                # The template was killed a moment ago; by now that is known and mended.
                newborn = await self._nursery.give_birth(folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return Child(self._nursery, newborn, folder, self.limits)
