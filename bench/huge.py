"""Files of gigabytes from the bucket to their chunks: is memory flat, and what is the pace?

    make bench-alone NAME=huge ARGS='--sizes 100MB,1GB,5GB --formats csv,jsonl,txt,json'

Each file is generated, uploaded to an S3 server of the bench's own, and taken through what a
worker does before it embeds: download, parse in a child of the real pool with the default limits,
cut, and keep the canonical text in the bucket. The chunks are counted and dropped. The disk needs
three times the size of the largest file.
"""

import argparse
import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from aiobotocore.session import get_session
from bench.huge_files import FORMATS, bytes_of, write

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.parse.canonical import CanonicalWriter
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool
from pipeline.policy import Policy
from pipeline.settings import ObjectStoreSettings
from pipeline.store.objects import ObjectStore
from stack.backends import Backends
from stack.ports import LOOPBACK
from worker.settings import WorkerSettings

MIB = 1024 * 1024
LOOK_SECONDS = 0.2
SAY_EVERY_SECONDS = 15.0
PART_BYTES = 64 * MIB  # 10,000 parts at most


@dataclass(slots=True)
class Run:
    """What one file came to."""

    name: str
    size: int
    seconds: dict[str, float] = field(default_factory=dict)
    chunks: int = 0
    characters: int = 0
    kept_bytes: int = 0
    parent_peak: int = 0
    child_peak: int = 0
    child_cpu: float = 0.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = time.monotonic() - begun

    def look(self) -> None:
        """Note the memory of this process and of its largest parser."""
        self.parent_peak = max(self.parent_peak, psutil.Process().memory_info().rss)
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if "pipeline.parse.template" in child.cmdline():
                    self.child_peak = max(self.child_peak, child.memory_info().rss)
                    self.child_cpu = max(self.child_cpu, sum(child.cpu_times()[:2]))

    def line(self) -> str:
        stages = ", ".join(f"{name} {spent:.0f} s" for name, spent in self.seconds.items())
        pace = self.size / 1e6 / max(self.seconds.get("parse and cut", 0.0), 1e-9)
        return (
            f"{self.name}: {self.size / 1e6:.0f} MB, {self.chunks} chunks, "
            f"{self.characters / 1e6:.0f} M characters, kept {self.kept_bytes / 1e6:.0f} MB; "
            f"{stages}; {pace:.1f} MB/s, child's processor {self.child_cpu:.0f} s; "
            f"peaks: parent {self.parent_peak // MIB} MiB, child {self.child_peak // MIB} MiB"
        )


@contextlib.asynccontextmanager
async def looked_at(run: Run) -> AsyncIterator[None]:
    async def look() -> None:
        said = time.monotonic()
        while True:
            run.look()
            if time.monotonic() - said > SAY_EVERY_SECONDS:
                said = time.monotonic()
                print(f"  {run.name}: {run.characters / 1e6:.0f} M characters, "
                      f"{run.chunks} chunks", flush=True)  # fmt: skip
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()


async def upload(settings: ObjectStoreSettings, path: Path) -> None:
    """In parts, as a client would."""
    async with get_session().create_client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name="auto",
        aws_access_key_id=settings.r2_access_key_id.get_secret_value(),
        aws_secret_access_key=settings.r2_secret_access_key.get_secret_value(),
    ) as client:
        where = {"Bucket": settings.r2_bucket, "Key": path.name}
        upload_id = (await client.create_multipart_upload(**where))["UploadId"]
        parts: list[dict[str, object]] = []
        with path.open("rb") as file:
            while body := file.read(PART_BYTES):
                number = len(parts) + 1
                part = await client.upload_part(
                    **where, UploadId=upload_id, PartNumber=number, Body=body
                )
                parts.append({"ETag": part["ETag"], "PartNumber": number})
        await client.complete_multipart_upload(
            **where, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )


async def take(store: ObjectStore, pool: ParserPool, run: Run, folder: Path) -> None:
    """One file from the bucket to its chunks and its kept text."""
    version = await store.head(run.name)
    assert version is not None
    original, text = folder / "original", folder / "text"
    with run.stage("fetch"):
        await store.download(run.name, if_match=version.etag, to=original, bytes_max=version.size)
    chunker = chunker_for(ChunkSettings())

    def feed(blocks: list) -> int:  # type: ignore[type-arg]
        for block in blocks:
            writer.write(block)
        return sum(1 for block in blocks for _ in chunker.feed(block))

    with run.stage("parse and cut"), CanonicalWriter(text) as writer:
        async with pool.parse(original, file_name=run.name, content_type=None) as parsing:
            async for blocks in parsing:
                run.chunks += await asyncio.to_thread(feed, blocks)
                run.characters += sum(len(block.text) for block in blocks)
        run.chunks += sum(1 for _ in chunker.finish())
        writer.finish(parsing.summary)
    original.unlink()
    run.kept_bytes = text.stat().st_size
    with run.stage("keep"):
        await store.put_derived(f"kept/{run.name}", source=text)
    text.unlink()


async def measure(arguments: argparse.Namespace, backends: Backends, folder: Path) -> None:
    settings = ObjectStoreSettings.model_validate(
        {
            **backends.environment(),
            "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{backends.ports.objects}",
        }
    )
    seconds = WorkerSettings.model_fields["parser_timeout"].default.total_seconds()
    pool = ParserPool(
        children=1,
        limits=ParseLimits(wall_seconds=seconds),
        documents_per_child=1,  # so that each file has a peak of its own
        scratch=folder / "scratch",
    )
    await pool.start()
    async with ObjectStore.open(settings) as store:
        for size, kind in arguments.cases:
            path = folder / f"{size}.{kind}"
            run = Run(path.name, write(path, kind, size, seed=arguments.seed))
            await upload(settings, path)
            path.unlink()
            try:
                async with looked_at(run):
                    await take(store, pool, run, folder)
            finally:
                print(run.line(), flush=True)
            chunks_max = Policy().chunks_max
            if run.chunks > chunks_max:
                print(f"{run.name}: MORE than the {chunks_max} chunks that a document may have")
            await store.delete(run.name)
            await store.delete_derived("kept/")
    await pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--sizes", default="100MB")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments = parser.parse_args()
    arguments.cases = [
        (bytes_of(size), kind)
        for size in arguments.sizes.split(",")
        for kind in arguments.formats.split(",")
    ]
    with tempfile.TemporaryDirectory(prefix="sluice-huge-", dir=arguments.folder) as made:
        folder = Path(made)
        with Backends(folder / "servers") as backends:
            backends.start("objects")
            asyncio.run(measure(arguments, backends, folder))


if __name__ == "__main__":
    main()
