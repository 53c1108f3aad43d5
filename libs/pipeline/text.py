"""The blocks of one object version: read from the kept text if there is one, parsed otherwise.

The canonical text is kept, compressed, in the derived bucket. Offsets of chunks point into it, and
a later attempt, other chunking or another embedding model need no second download and parse.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import structlog

from pipeline.attempt import Attempt
from pipeline.document import Block, Crop, ParseSummary, Picture
from pipeline.errors import Dependency, DependencyError, ScratchFull
from pipeline.fingerprint import TEXT_SUFFIX, crop_key
from pipeline.images.model import CROP_MEDIA_TYPE
from pipeline.parse.canonical import (
    CanonicalFileBroken,
    CanonicalWriter,
    read_blocks,
    read_ending,
)
from pipeline.parse.pool import Guest
from pipeline.queue import LARGE_BYTES
from pipeline.store.objects import ObjectVersion
from pipeline.tools import Tools

log = structlog.get_logger(__name__)

BLOCKS_PER_READ = 200
CROPS_AT_ONCE = 4


class DocumentText:
    """Iterate over `blocks()` once; then `summary` and `pictures` are known and `keep()` stores
    the text and the crops of the pictures.

    After the switch `sweep()` drops what was kept of other versions.
    """

    def __init__(
        self,
        tools: Tools,
        attempt: Attempt,
        version: ObjectVersion,
        *,
        key: str,
        folder: Path,
        kept: bool,
    ) -> None:
        """`kept` says whether an earlier attempt may have left the text under `key`."""
        self._tools = tools
        self._attempt = attempt
        self._version = version
        self._key = key
        self._original = folder / "original"
        self._text = folder / "text"
        self._crops = folder / "crops"
        self.pictures: list[Picture] = []
        self._kept = kept
        self._summary: ParseSummary | None = None

    @property
    def summary(self) -> ParseSummary:
        if self._summary is None:
            raise RuntimeError("The blocks were not read to their end.")
        return self._summary

    async def blocks(self) -> AsyncIterator[list[Block]]:
        """Batches of blocks in reading order.

        Raises:
            ObjectChanged: the object is no longer this version.
            PermanentError, DocumentError: it cannot be parsed.
        """
        self._kept = self._kept and await self._fetch_kept()
        async for batch in self._read() if self._kept else self._parse():
            yield batch

    async def keep(self) -> None:
        """Store the parsed text; right after the parse, so that a retry need not parse again."""
        if self._kept:
            return
        with self._attempt.stage("keep"):
            # The text last: who finds it finds the crops of its pictures.
            slots = asyncio.Semaphore(CROPS_AT_ONCE)
            async with asyncio.TaskGroup() as tasks:
                for picture in self.pictures:
                    tasks.create_task(self._keep_crop(picture, slots))
            self._attempt.lease.check()
            await self._tools.objects.put_derived(self._key, source=self._text)

    def crop_key(self, picture: Picture) -> str:
        """Where the crop of a picture is kept, in the derived bucket."""
        return crop_key(self._key, picture.ordinal)

    async def crop(self, picture: Picture) -> bytes | None:
        """The picture's bytes, once the text is kept; None if somebody removed them."""
        path = self._crop_path(picture)
        if not path.exists():
            with on_scratch():
                self._crops.mkdir(exist_ok=True)
                if not await self._tools.objects.get_derived(self.crop_key(picture), to=path):
                    return None
        return await asyncio.to_thread(path.read_bytes)

    def _crop_path(self, picture: Picture) -> Path:
        return self._crops / f"{picture.ordinal}.jpg"

    async def _keep_crop(self, picture: Picture, slots: asyncio.Semaphore) -> None:
        async with slots:
            self._attempt.lease.check()
            await self._tools.objects.put_derived(
                self.crop_key(picture), self._crop_path(picture), content_type=CROP_MEDIA_TYPE
            )

    async def sweep(self) -> None:
        """Drop the texts of earlier versions. Best effort: the next version sweeps again."""
        if self._kept:
            return
        folder = self._key.rsplit("/", 1)[0]
        try:
            # With what is kept beside the text.
            keep = self._key.removesuffix(TEXT_SUFFIX) + "."
            # Never of a newer one: its attempt may be under way already.
            await self._tools.objects.delete_older_derived(f"{folder}/", than=self._key, keep=keep)
        except DependencyError as error:
            log.warning("text.sweep_failed", error_code=error.code)

    async def _fetch_kept(self) -> bool:
        """Fetch the kept text; False if there is none, or if it is broken and best parsed anew."""
        with self._attempt.stage("fetch"):
            with on_scratch():
                if not await self._tools.objects.get_derived(self._key, to=self._text):
                    return False
            try:
                # Reads the file to its end, so that no broken one is noticed halfway.
                self._summary, self.pictures = await asyncio.to_thread(read_ending, self._text)
            except CanonicalFileBroken:
                log.warning("text.broken")
                return False
        return True

    async def _read(self) -> AsyncIterator[list[Block]]:
        blocks = read_blocks(self._text)
        while batch := await asyncio.to_thread(lambda: list(islice(blocks, BLOCKS_PER_READ))):
            self._attempt.check()
            yield batch

    async def _parse(self) -> AsyncIterator[list[Block]]:
        target, version = self._attempt.target, self._version
        await self._attempt.step()
        with self._attempt.stage("fetch"), on_scratch():
            await self._tools.objects.download(
                target.object_key,
                if_match=version.etag,
                to=self._original,
                bytes_max=version.size,
            )
        await self._attempt.step()
        self._attempt.tally.stage = "parse"
        with on_scratch():
            self._crops.mkdir(exist_ok=True)
            canonical = CanonicalWriter(self._text)

        async def take(crop: Crop) -> None:
            with on_scratch():
                await asyncio.to_thread(self._crop_path(crop.picture).write_bytes, crop.data)
                canonical.write_picture(crop.picture)
            self.pictures.append(crop.picture)

        parse = self._tools.parsers.parse(
            self._original,
            file_name=target.file_name,
            content_type=version.content_type,
            guest=Guest(target.dataset_id, large=version.size >= LARGE_BYTES),
            on_crop=take,
        )
        with canonical as writer:
            async with parse as parsing:
                began = time.monotonic()
                async for batch in parsing:
                    self._attempt.spent("parse", time.monotonic() - began)
                    self._attempt.check()
                    await asyncio.to_thread(_write, writer, batch)
                    yield batch
                    began = time.monotonic()
                self._summary = parsing.summary
            with on_scratch():
                await asyncio.to_thread(writer.finish, parsing.summary)


def _write(writer: CanonicalWriter, blocks: Sequence[Block]) -> None:
    with on_scratch():
        for block in blocks:
            writer.write(block)


@contextmanager
def on_scratch() -> Iterator[None]:
    """Whatever the disk refuses here is the worker's plight and not the document's."""
    try:
        yield
    except OSError as error:
        raise ScratchFull(
            "The worker's scratch folder could not take the file.", dependency=Dependency.SCRATCH
        ) from error
