"""Drift of every kind, seeded behind the service's back, is found and repaired in one pass.

The repairs are jobs, made by the real stages over the real stores, and purges by the upkeep.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from db.engine import Sessions
from db.models import AuditKind, AuditRun, Document, Job, Status, WaitingFor
from db.repositories.audit_runs import AuditRunRepository, findings_of
from db.repositories.changes import Change
from db.repositories.commands import CommandRepository
from integration.poller.bucket import Bucket
from integration.poller.index import change_document
from pipeline.embed.configured import configured_model
from pipeline.queue import LARGE_BYTES
from pipeline.run import Runner
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.auditing.runs import AuditRuns
from poller.upkeep import Upkeep
from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client
from support.catalog import Home, apply, document_of, job_of, jobs_of, make_home
from support.rows import a_row
from worker.resources import open_resources
from worker.settings import WorkerSettings

ROUNDS_MAX = 10
FILES = ("changed", "gone", "emptied", "uncounted", "doubled", "twice", "fine")

Counts = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Shop:
    """A tenant's dataset with everything that serves it, but for a process."""

    sessions: Sessions
    objects: ObjectStore
    vectors: VectorStore
    runner: Runner
    uploads: Bucket
    space: str
    home: Home

    def key(self, name: str) -> str:
        return f"{self.home.dataset_id}/{name}.txt"

    async def document(self, name: str) -> Document:
        return await document_of(self.sessions, self.home, f"{name}.txt")

    async def audit(self, kind: AuditKind = AuditKind.AUDIT, *, dry_run: bool = False) -> AuditRun:
        """Ask for a run over everything and make it."""
        async with self.sessions.begin() as session:
            runs = AuditRunRepository(session, self.home.tenant_id)
            run_id = (await runs.add(kind, dataset_id=None, dry_run=dry_run)).id
        part = AuditRuns(
            self.sessions,
            self.objects,
            self.vectors,
            large_bytes=LARGE_BYTES,
            news=asyncio.Event(),
            hears=False,
        )
        assert await part.make_one(asyncio.Event())
        async with self.sessions() as session:
            return await AuditRunRepository(session, self.home.tenant_id).get(run_id)

    async def work(self) -> None:
        """All jobs that there are, and what the upkeep has on its list."""
        for _ in range(ROUNDS_MAX):
            async with self.sessions.begin() as session:
                due = list(
                    await session.scalars(
                        update(Job)
                        .where(Job.status == Status.QUEUED)
                        .values(run_after=func.now())
                        .returning(Job.id)
                    )
                )
                await session.execute(
                    update(Document)
                    .where(Document.purge_after.is_not(None))
                    .values(purge_after=func.now())
                )
            for job_id in due:
                await self.runner.run(job_id)
            await Upkeep(self.sessions, self.objects, self.vectors).round()
            if not due:
                return
        raise AssertionError("the jobs come again without end")

    async def index(self) -> dict[tuple[str, int], int]:
        """How many rows there are, by document and generation."""
        dataset = str(self.home.dataset_id)
        stored = self.vectors.generations(self.space, dataset=dataset)
        return {(each.document, each.generation): each.rows async for each in stored}

    async def tables(self) -> dict[tuple[str, int], int]:
        """How many rows there should be."""
        async with self.sessions() as session:
            rows = await session.execute(
                select(Document.id, Document.live_generation, Document.chunk_count).where(
                    Document.dataset_id == self.home.dataset_id,
                    Document.live_generation.is_not(None),
                )
            )
        return {(str(row[0]), row[1]): row[2] for row in rows if row[1] is not None}

    async def write(self, document_id: UUID, *, generation: int, ordinals: range) -> None:
        """Rows that nobody asked for."""
        [width] = {len(vector) for vector in await self._vectors()}
        await self.vectors.write(
            self.space,
            [
                a_row(
                    ordinal,
                    tenant=str(self.home.tenant_id),
                    dataset=str(self.home.dataset_id),
                    document=str(document_id),
                    generation=generation,
                    dense=[1.0] + [0.0] * (width - 1),
                )
                for ordinal in ordinals
            ],
        )

    async def _vectors(self) -> list[list[float]]:
        """Those of a document that was indexed: as wide as any."""
        document = await self.document("fine")
        assert document.live_generation is not None
        ids = [each.last_id async for each in self.vectors.generations(self.space)]
        hashes = [row.content_hash for row in await self.vectors.fetch(self.space, ids)]
        found, _ = await self.vectors.vectors_by_hash(
            self.space,
            dataset=str(self.home.dataset_id),
            document=str(document.id),
            generation=document.live_generation,
            hashes=hashes,
        )
        return list(found.values())


@pytest.fixture
def settings(
    servers: Backends, database_url: str, bucket: str, collection_prefix: str, tmp_path: Path
) -> WorkerSettings:
    for name in ("milvus", "embeddings"):
        servers.start(name)
    return WorkerSettings.model_validate(
        {
            **servers.environment(),
            "REDIS_URL": "redis://127.0.0.1:9/0",  # nobody rings here
            "DATABASE_URL": database_url,
            "R2_BUCKET": bucket,
            "SLUICE_R2_DERIVED_BUCKET": f"{bucket}-derived",
            "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{servers.ports.objects}",
            "SLUICE_MILVUS_PREFIX": collection_prefix,
            "SLUICE_SCRATCH_DIR": tmp_path,
            "SLUICE_PARSERS": 1,
        }
    )


@pytest.fixture
async def shop(
    servers: Backends, sessions: Sessions, settings: WorkerSettings
) -> AsyncIterator[Shop]:
    space = configured_model(settings).space
    async with AsyncExitStack() as stack:
        worker = await open_resources(settings)
        stack.push_async_callback(worker.close)
        direct = f"http://{LOOPBACK}:{servers.ports.objects}"
        client = await stack.enter_async_context(
            store_client(servers.environment(), endpoint_url=direct)
        )
        await client.create_bucket(Bucket=settings.derived_bucket)
        yield Shop(
            sessions=sessions,
            objects=await stack.enter_async_context(ObjectStore.open(settings)),
            vectors=await stack.enter_async_context(VectorStore.open(settings)),
            runner=worker.runner,
            uploads=Bucket(client, settings.r2_bucket, direct),
            space=space,
            home=await make_home(sessions, space=space),
        )


def counts(run: AuditRun) -> Counts:
    """Found and repaired, by kind."""
    return {kind.value: (each.found, each.repaired) for kind, each in findings_of(run).items()}


async def fill(shop: Shop, *names: str) -> None:
    """The bucket is filled without a single event, and taken in by a sync."""
    for name in names:
        await shop.uploads.put(shop.key(name), f"The {name} note, first version.".encode())
    await shop.audit(AuditKind.SYNC)
    await shop.work()


async def seed(shop: Shop) -> Counts:
    """Documents, and drift of every kind; returns how much of each."""
    await fill(shop, *FILES)
    await shop.uploads.put(shop.key("twice"), b"The twice note, second version.")
    await shop.audit(AuditKind.SYNC)
    await shop.work()
    dataset = str(shop.home.dataset_id)
    await shop.uploads.put(shop.key("lost"), b"Nobody was told of this note.")
    await shop.uploads.put(shop.key("changed"), b"The changed note, second version.")
    await shop.uploads.client.delete_object(Bucket=shop.uploads.name, Key=shop.key("gone"))
    emptied = (await shop.document("emptied")).id
    await shop.vectors.delete_document(shop.space, dataset=dataset, document=str(emptied))
    await change_document(shop.sessions, (await shop.document("uncounted")).id, chunk_count=5)
    await shop.write((await shop.document("doubled")).id, generation=1, ordinals=range(1, 3))
    await shop.write((await shop.document("twice")).id, generation=1, ordinals=range(2))
    await shop.write((await shop.document("fine")).id, generation=4, ordinals=range(2))
    await shop.write(uuid4(), generation=1, ordinals=range(3))
    return {
        "lost_event": (2, 2),
        "vanished_object": (1, 1),
        "missing_rows": (1, 1),
        "wrong_count": (2, 2),
        "orphan_rows": (3, 3),
    }


async def test_a_bucket_that_was_filled_before_is_taken_in_by_a_sync(shop: Shop) -> None:
    for name in FILES:
        await shop.uploads.put(shop.key(name), f"The {name} note.".encode())
    counted = await shop.audit(AuditKind.SYNC, dry_run=True)
    before = await jobs_of(shop.sessions, shop.home)
    taken = await shop.audit(AuditKind.SYNC)
    await shop.work()

    assert counts(counted) == {"lost_event": (len(FILES), 0)}
    assert before == []
    assert counts(taken) == {"lost_event": (len(FILES), len(FILES))}
    assert len(await shop.tables()) == len(FILES)
    assert await shop.index() == await shop.tables()
    assert counts(await shop.audit()) == {}


async def test_drift_of_every_kind_is_found_and_repaired_in_one_pass(shop: Shop) -> None:
    seeded = await seed(shop)

    run = await shop.audit()
    await shop.work()

    assert counts(run) == seeded
    assert await shop.index() == await shop.tables()
    names = {name for name in (*FILES, "lost") if (await shop.document(name)).live_generation}
    assert names == {*FILES, "lost"} - {"gone"}
    live = {(await shop.document(name)).live_etag for name in ("lost", "changed")}
    heads = [await shop.objects.head(shop.key(name)) for name in ("lost", "changed")]
    assert live == {head.etag for head in heads if head is not None}
    assert counts(await shop.audit()) == {}


async def test_a_dry_run_counts_and_changes_nothing(shop: Shop) -> None:
    seeded = await seed(shop)
    before = (await shop.index(), await shop.tables(), len(await jobs_of(shop.sessions, shop.home)))

    run = await shop.audit(dry_run=True)
    await shop.work()

    assert counts(run) == {kind: (found, 0) for kind, (found, _) in seeded.items()}
    after = (await shop.index(), await shop.tables(), len(await jobs_of(shop.sessions, shop.home)))
    assert after == before


# A worker that is set to a wrong bucket.


async def look_at(shop: Shop, name: str) -> Job:
    """A job that finds the object gone."""
    change = Change(shop.home.dataset_id, shop.key(name), f"{name}.txt", reason="trigger")
    [job_id] = (await apply(shop.sessions, change)).values()
    assert job_id is not None
    await shop.runner.run(job_id)
    return await job_of(shop.sessions, job_id)


async def empty(shop: Shop, *, leaving: str | None) -> None:
    for name in ("fine", "other"):
        await shop.uploads.client.delete_object(Bucket=shop.uploads.name, Key=shop.key(name))
    if leaving is not None:
        await shop.uploads.put(leaving)


@pytest.mark.parametrize("leaving", [None, "somebody-elses.txt"])
async def test_an_attempt_that_finds_nothing_of_ours_in_the_bucket_removes_nothing(
    shop: Shop, leaving: str | None
) -> None:
    await fill(shop, "fine", "other")
    await empty(shop, leaving=leaving)

    job = await look_at(shop, "fine")

    assert (job.status, job.waiting_for) == (Status.QUEUED, WaitingFor.DEPENDENCY)
    assert job.error_code == "object_store_misconfigured"
    assert (await shop.document("fine")).live_generation == 1
    assert await shop.index() == await shop.tables()


async def test_an_object_that_is_gone_from_among_others_is_removed(shop: Shop) -> None:
    await fill(shop, "fine", "other")
    await shop.uploads.client.delete_object(Bucket=shop.uploads.name, Key=shop.key("fine"))

    job = await look_at(shop, "fine")

    assert job.status == Status.COMPLETED
    assert (await shop.document("fine")).live_generation is None


async def test_the_buckets_own_word_removes_even_the_last_object(shop: Shop) -> None:
    await fill(shop, "fine", "other")
    await empty(shop, leaving=None)
    told = shop.home.change("fine.txt", etag=None, minute=1, gone=True)
    [job_id] = (await apply(shop.sessions, told)).values()
    assert job_id is not None

    await shop.runner.run(job_id)

    assert (await job_of(shop.sessions, job_id)).status == Status.COMPLETED
    assert (await shop.document("fine")).live_generation is None


async def test_what_a_client_deleted_goes_from_an_empty_bucket_too(shop: Shop) -> None:
    await fill(shop, "fine", "other")
    await empty(shop, leaving=None)
    async with shop.sessions.begin() as session:
        commands = CommandRepository(session, shop.home.tenant_id)
        document_id = (await shop.document("fine")).id
        job_id = await commands.delete_document(shop.home.dataset_id, document_id)

    await shop.runner.run(job_id)

    assert (await shop.document("fine")).removed_at is not None
