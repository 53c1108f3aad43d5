"""Audits on demand: who makes them, how they end, and what they leave alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, update

from db.engine import Sessions
from db.errors import FenceRaised
from db.models import AuditKind, AuditRun, AuditStatus, Status
from db.repositories.audit_runs import (
    AUDITS_CHANNEL,
    AuditRunRepository,
    AuditWorkRepository,
    Finding,
    Progress,
    findings_of,
)
from integration.poller.bucket import Bucket
from integration.poller.index import (
    SPACE,
    change_document,
    rows_of,
    searchable,
    write_rows,
)
from pipeline.queue import LARGE_BYTES
from pipeline.settings import ObjectStoreSettings
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.auditing.runs import AuditRuns
from poller.listener import Listener
from stack.backends import Backends
from support.catalog import Home, document_of, jobs_of, make_home

NOW = timedelta(0)
MINUTE = timedelta(minutes=1)
SOON_SECONDS = 20.0  # far more than any of these takes; only a failing test waits as long

MakeRuns = Callable[..., AuditRuns]
Counts = dict[str, tuple[int, int]]


@pytest.fixture
def make_runs(sessions: Sessions, objects: ObjectStore, vectors: VectorStore) -> MakeRuns:
    """A poller's part that makes audits, over the tests' bucket or another."""

    def make(store: ObjectStore = objects, *, news: asyncio.Event | None = None) -> AuditRuns:
        return AuditRuns(
            sessions,
            store,
            vectors,
            large_bytes=LARGE_BYTES,
            news=news or asyncio.Event(),
            hears=True,
        )

    return make


@pytest.fixture
async def empty_bucket(servers: Backends, uploads: Bucket) -> AsyncIterator[ObjectStore]:
    name = f"test-{uuid4().hex}"
    await uploads.client.create_bucket(Bucket=name)
    async with ObjectStore.open(_settings(servers, uploads, name)) as store:
        yield store


@pytest.fixture
async def wrong_bucket(servers: Backends, uploads: Bucket) -> AsyncIterator[ObjectStore]:
    """Somebody else's, with objects that look like ours."""
    name = f"test-{uuid4().hex}"
    await uploads.client.create_bucket(Bucket=name)
    other = Bucket(uploads.client, name, uploads.endpoint_url)
    for number in range(3):
        await other.put(f"{uuid4()}/{number}.txt")
    async with ObjectStore.open(_settings(servers, uploads, name)) as store:
        yield store


def _settings(servers: Backends, uploads: Bucket, name: str) -> ObjectStoreSettings:
    return ObjectStoreSettings.model_validate(
        {
            **servers.environment(),
            "R2_BUCKET": name,
            "SLUICE_R2_DERIVED_BUCKET": name,
            "SLUICE_R2_ENDPOINT_URL": uploads.endpoint_url,
        }
    )


def key_of(home: Home, name: str) -> str:
    return f"{home.dataset_id}/{name}"


async def ask(
    sessions: Sessions,
    home: Home,
    kind: AuditKind = AuditKind.AUDIT,
    *,
    everything: bool = False,
    dry_run: bool = False,
) -> UUID:
    async with sessions.begin() as session:
        run = await AuditRunRepository(session, home.tenant_id).add(
            kind, dataset_id=None if everything else home.dataset_id, dry_run=dry_run
        )
        return run.id


async def run_of(sessions: Sessions, home: Home, run_id: UUID) -> AuditRun:
    async with sessions() as session:
        return await AuditRunRepository(session, home.tenant_id).get(run_id)


async def ended(sessions: Sessions, home: Home, run_id: UUID) -> bool:
    return (await run_of(sessions, home, run_id)).status == AuditStatus.COMPLETED


def counts(run: AuditRun) -> Counts:
    """Found and repaired, by kind."""
    return {kind.value: (each.found, each.repaired) for kind, each in findings_of(run).items()}


async def made(
    sessions: Sessions, home: Home, runs: AuditRuns, kind: AuditKind = AuditKind.AUDIT
) -> AuditRun:
    """A run over the home's dataset, when it has ended."""
    run_id = await ask(sessions, home, kind)
    assert await runs.make_one(asyncio.Event())
    return await run_of(sessions, home, run_id)


async def queued(sessions: Sessions, home: Home) -> int:
    return sum(job.status == Status.QUEUED for job in await jobs_of(sessions, home))


async def live_without_object(sessions: Sessions, home: Home, count: int) -> None:
    for number in range(count):
        await searchable(sessions, home, f"gone-{number:02}.txt", chunks=0)


async def live_with_object(sessions: Sessions, home: Home, uploads: Bucket) -> None:
    etag = await uploads.put(key_of(home, "there.txt"))
    document_id = await searchable(sessions, home, "there.txt", chunks=0)
    await change_document(sessions, document_id, live_etag=etag, etag=etag, event_etag=etag)


# Who makes a run.


async def test_a_sync_makes_a_job_of_every_object_that_nobody_was_told_of(
    sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    names = ["a.txt", "deep/er/b.txt", "c d+e.txt"]
    for name in names:
        await uploads.put(key_of(home, name))
    await uploads.put(f"{home.dataset_id}0/not-below-the-prefix.txt")

    run = await made(sessions, home, make_runs(), AuditKind.SYNC)

    assert (run.status, run.objects_seen, run.error) == (AuditStatus.COMPLETED, 3, None)
    assert counts(run) == {"lost_event": (3, 3)}
    documents = [await document_of(sessions, home, name) for name in names]
    jobs = await jobs_of(sessions, home)
    assert {job.document_id for job in jobs} == {document.id for document in documents}


async def test_a_sync_looks_at_no_rows(
    sessions: Sessions, home: Home, vectors: VectorStore, make_runs: MakeRuns
) -> None:
    nobody = uuid4()
    await write_rows(vectors, home, nobody, generation=1, count=2)

    run = await made(sessions, home, make_runs(), AuditKind.SYNC)

    assert (run.rows_seen, counts(run)) == (0, {})
    assert await rows_of(vectors, home, nobody) == {1: 2}


async def test_what_was_asked_for_is_begun_when_the_poller_hears_of_it(
    database_url: str, sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    await uploads.put(key_of(home, "a.txt"))
    stop, listener = asyncio.Event(), Listener(database_url)
    runs = make_runs(news=listener.channel(AUDITS_CHANNEL))
    working = [asyncio.create_task(part.run(stop)) for part in (listener, runs)]
    run_id = await ask(sessions, home)

    async with asyncio.timeout(SOON_SECONDS):
        # Nothing in this process could tell.
        while not await ended(sessions, home, run_id):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*working)

    assert counts(await run_of(sessions, home, run_id)) == {"lost_event": (1, 1)}


async def test_a_run_that_a_poller_holds_is_no_other_pollers(
    sessions: Sessions, home: Home, make_runs: MakeRuns
) -> None:
    run_id = await ask(sessions, home)
    async with sessions.begin() as session:
        claim = await AuditWorkRepository(session).claim(lease=MINUTE)

    assert claim is not None
    assert claim.run_id == run_id
    assert not await make_runs().make_one(asyncio.Event())


async def test_the_run_of_a_dead_poller_is_made_by_another_and_counts_nothing_twice(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    make_runs: MakeRuns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("poller.auditing.pace.PAGE", 2)
    for number in range(5):
        await uploads.put(key_of(home, f"{number}.txt"))
    run_id = await ask(sessions, home)
    await die_after_a_page(make_runs(), monkeypatch)
    halfway = await run_of(sessions, home, run_id)
    async with sessions.begin() as session:
        await session.execute(update(AuditRun).values(lease_until=func.now() - MINUTE))

    assert await make_runs().make_one(asyncio.Event())

    assert (halfway.status, counts(halfway)) == (AuditStatus.RUNNING, {"lost_event": (2, 2)})
    run = await run_of(sessions, home, run_id)
    assert (run.status, run.objects_seen) == (AuditStatus.COMPLETED, 5)
    assert counts(run) == {"lost_event": (5, 5)}
    assert await queued(sessions, home) == 5


async def die_after_a_page(runs: AuditRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a killed process: the run is in the middle, and nobody writes anything more."""
    resting = asyncio.Event()

    async def rest() -> None:
        resting.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr("poller.auditing.pace.rest", rest)
        working = asyncio.create_task(runs.make_one(asyncio.Event()))
        async with asyncio.timeout(SOON_SECONDS):
            await resting.wait()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_a_poller_that_stops_leaves_its_run_to_another_at_once(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    make_runs: MakeRuns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("poller.auditing.pace.PAGE", 1)
    stop = asyncio.Event()

    async def rest() -> None:
        stop.set()
        await asyncio.Event().wait()

    for name in ("a.txt", "b.txt"):
        await uploads.put(key_of(home, name))
    run_id = await ask(sessions, home)
    with monkeypatch.context() as patch:
        patch.setattr("poller.auditing.pace.rest", rest)
        await make_runs().make_one(stop)
    left = await run_of(sessions, home, run_id)

    assert await make_runs().make_one(asyncio.Event())

    assert left.status == AuditStatus.QUEUED
    assert counts(await run_of(sessions, home, run_id)) == {"lost_event": (2, 2)}


async def test_a_poller_that_lost_its_run_repairs_nothing_more(
    sessions: Sessions, home: Home
) -> None:
    await ask(sessions, home)
    async with sessions.begin() as session:
        stale = await AuditWorkRepository(session).claim(lease=NOW)
    async with sessions.begin() as session:
        fresh = await AuditWorkRepository(session).claim(lease=MINUTE)
    assert stale is not None
    assert fresh is not None

    writes: list[Callable[[AuditWorkRepository], Awaitable[None]]] = [
        lambda runs: runs.renew(stale, lease=MINUTE),
        lambda runs: runs.note(stale, Progress(objects_seen=1)),
        lambda runs: runs.finish(stale, None),
        lambda runs: runs.release(stale),
    ]
    for write in writes:
        async with sessions.begin() as session:
            with pytest.raises(FenceRaised):
                await write(AuditWorkRepository(session))

    async with sessions.begin() as session:
        await AuditWorkRepository(session).finish(fresh, Progress())


# What a run leaves alone.


async def test_another_tenants_drift_is_not_looked_at(
    sessions: Sessions, home: Home, uploads: Bucket, vectors: VectorStore, make_runs: MakeRuns
) -> None:
    stranger = await make_home(sessions)
    second = await make_home(sessions, tenant_id=home.tenant_id)
    nobody = uuid4()
    await write_rows(vectors, stranger, nobody, generation=1, count=1)
    for each in (home, second, stranger):
        await uploads.put(key_of(each, "a.txt"))
    run_id = await ask(sessions, home, everything=True)

    await make_runs().make_one(asyncio.Event())

    run = await run_of(sessions, home, run_id)
    assert (run.objects_seen, counts(run)) == (2, {"lost_event": (2, 2)})
    assert [await queued(sessions, each) for each in (home, second, stranger)] == [1, 1, 0]
    assert await rows_of(vectors, stranger, nobody) == {1: 1}


async def test_an_empty_bucket_removes_nothing(
    sessions: Sessions, home: Home, empty_bucket: ObjectStore, make_runs: MakeRuns
) -> None:
    await live_without_object(sessions, home, 3)

    run = await made(sessions, home, make_runs(empty_bucket))

    assert run.status == AuditStatus.COMPLETED
    assert counts(run) == {"suspicious": (3, 0)}
    assert await queued(sessions, home) == 0


async def test_another_bucket_with_objects_of_its_own_removes_nothing(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    wrong_bucket: ObjectStore,
    make_runs: MakeRuns,
) -> None:
    await live_with_object(sessions, home, uploads)  # in the right one

    run = await made(sessions, home, make_runs(wrong_bucket), AuditKind.SYNC)

    assert counts(run) == {"suspicious": (1, 0)}
    assert findings_of(run)[Finding.SUSPICIOUS].examples == [key_of(home, "there.txt")]
    assert await queued(sessions, home) == 0


async def test_a_bucket_that_does_not_exist_ends_the_run_with_the_reason(
    servers: Backends, sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    await live_without_object(sessions, home, 1)
    async with ObjectStore.open(_settings(servers, uploads, "no-such-bucket")) as store:
        run = await made(sessions, home, make_runs(store))

    assert run.status == AuditStatus.FAILED
    assert run.error is not None
    assert run.error.startswith("object_store_misconfigured: ")
    assert await queued(sessions, home) == 0


async def test_a_store_that_is_away_is_waited_for(
    servers: Backends, sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    await uploads.put(key_of(home, "a.txt"))
    away = _settings(servers, uploads, uploads.name).model_copy(
        update={"r2_endpoint_url": "http://127.0.0.1:9"}
    )
    async with ObjectStore.open(away) as store:
        waiting = await made(sessions, home, make_runs(store))
    at_once = await make_runs().make_one(asyncio.Event())
    async with sessions.begin() as session:
        await session.execute(update(AuditRun).values(lease_until=func.now() - MINUTE))

    await make_runs().make_one(asyncio.Event())

    assert (waiting.status, at_once) == (AuditStatus.QUEUED, False)
    assert (waiting.error or "").startswith("dependency_unavailable: ")
    run = await run_of(sessions, home, waiting.id)
    assert (run.status, run.error) == (AuditStatus.COMPLETED, None)


async def test_no_more_go_at_once_than_the_guard_of_the_workers_lets_pass(
    sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    await live_with_object(sessions, home, uploads)
    await live_without_object(sessions, home, 25)

    run = await made(sessions, home, make_runs())

    assert counts(run) == {"vanished_object": (20, 20), "suspicious": (5, 0)}
    assert await queued(sessions, home) == 20


async def test_rows_that_an_attempt_may_still_be_writing_stay(
    sessions: Sessions, home: Home, uploads: Bucket, vectors: VectorStore, make_runs: MakeRuns
) -> None:
    await uploads.put(key_of(home, "a.txt"))
    await made(sessions, home, make_runs())  # its job is queued from here on
    document_id = (await document_of(sessions, home)).id
    await write_rows(vectors, home, document_id, generation=1, count=2)

    run = await made(sessions, home, make_runs())

    assert counts(run) == {}
    assert await rows_of(vectors, home, document_id) == {1: 2}


async def test_rows_newer_than_the_tables_go_and_their_numbers_are_not_used_again(
    sessions: Sessions, home: Home, uploads: Bucket, vectors: VectorStore, make_runs: MakeRuns
) -> None:
    await live_with_object(sessions, home, uploads)
    document_id = (await document_of(sessions, home, "there.txt")).id
    await write_rows(vectors, home, document_id, generation=7, count=2)

    run = await made(sessions, home, make_runs())

    assert counts(run) == {"orphan_rows": (1, 1)}
    assert await rows_of(vectors, home, document_id) == {}
    assert (await document_of(sessions, home, "there.txt")).generation == 7


async def test_rows_that_the_upkeep_is_about_to_delete_are_no_drift(
    sessions: Sessions, home: Home, uploads: Bucket, vectors: VectorStore, make_runs: MakeRuns
) -> None:
    await live_with_object(sessions, home, uploads)
    document_id = (await document_of(sessions, home, "there.txt")).id
    await change_document(
        sessions, document_id, generation=2, live_generation=2, purge_after=func.now() + MINUTE
    )
    await write_rows(vectors, home, document_id, generation=1, count=2)

    run = await made(sessions, home, make_runs())

    assert (run.rows_seen, counts(run)) == (2, {})


async def test_a_dataset_without_a_collection_has_its_rows_written_anew(
    sessions: Sessions, home: Home, uploads: Bucket, make_runs: MakeRuns
) -> None:
    await live_with_object(sessions, home, uploads)
    document_id = (await document_of(sessions, home, "there.txt")).id
    await change_document(sessions, document_id, live_space=f"{SPACE}_gone", chunk_count=3)

    run = await made(sessions, home, make_runs())

    assert counts(run) == {"missing_rows": (1, 1)}
