"""One seed: a quiet run, a run under faults, and what differs between them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import SecretStr

from pipeline.settings import ObjectStoreSettings
from pipeline.store.objects import ObjectStore
from stack.backends import Backends
from stack.ports import free_ports

from . import measures, plan
from .client import LISTED_SECONDS, User
from .corpus import Corpus
from .differences import Differences, compare
from .faults import Arena, impossible
from .milvus_proxy import MilvusProxy
from .outages import Outages
from .report import Report
from .servers import Switches
from .snapshot import Observer, Snapshot, milvus_client
from .system import MANY, ONE, System, create_database

LOOK_SECONDS = 1.0
QUIET_SECONDS_A_FILE = 0.1
SETTLE_SECONDS = 300.0
# Rows of older generations stay for 30 s, for searches that began before; then the next audit.
GRACE_SECONDS = 90.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """The servers, which serve all runs, and what this machine can do."""

    backends: Backends
    folder: Path
    ledger: Path
    small_disk: bool
    clock_library: Path | None

    @property
    def milvus(self) -> str:
        return f"http://127.0.0.1:{self.backends.ports.milvus}"


@dataclass
class Stage:
    """A running product on data of its own, and those who use it and look at it."""

    system: System
    proxy: MilvusProxy
    switches: Switches
    user: User
    observer: Observer


async def run_seed(
    machine: Machine, seed: int, *, files: int, faults: int, seconds_max: float, tell: Tell
) -> Report:
    """Ends in time, whatever happens; what is stuck then is in the report."""
    corpus = Corpus.draw(seed, files)
    without = impossible(small_disk=machine.small_disk, clock_library=machine.clock_library)
    planned = plan.draw(seed, faults, without=without)
    report = Report(seed, len(corpus.fates), corpus.operations, len(planned))
    limit = asyncio.timeout(seconds_max)
    try:
        async with limit:
            await _run(machine, corpus, planned, report, tell)
    except TimeoutError:
        if not limit.expired():
            raise
        report.stuck.insert(0, f"the run did not end within {seconds_max:.0f} s")
    return report


async def _run(
    machine: Machine, corpus: Corpus, planned: list[plan.Fault], report: Report, tell: Tell
) -> None:
    seed, began = report.seed, time.monotonic()
    tell(f"seed {seed}: {report.files} files, {report.operations} operations; the quiet run")
    async with _stage(machine, corpus, f"quiet{seed}", counts=ONE) as stage:
        since = machine.ledger.stat().st_size
        await stage.user.play(corpus, QUIET_SECONDS_A_FILE * report.files)
        await _settled(stage.observer, report, tell)
        if report.stuck:
            report.stuck.insert(0, "the quiet run itself did not settle")
            return
        quiet = await stage.observer.take()
        report.embedded_quietly = measures.embedded(machine.ledger, since)
    tell(f"the quiet run took {time.monotonic() - began:.0f} s; now {len(planned)} faults")
    async with _stage(
        machine, corpus, f"chaos{seed}", counts=MANY, small_disk=machine.small_disk
    ) as stage:
        arena = Arena(
            machine.backends, stage.system, stage.proxy, stage.switches, machine.clock_library
        )
        since = machine.ledger.stat().st_size
        outages = Outages()
        watch = asyncio.create_task(outages.watch(stage.observer))
        try:
            await _under_faults(stage, arena, planned, report, tell)
        finally:
            watch.cancel()
        report.takeovers = await measures.takeovers(
            stage.observer, stage.system.deaths, stage.system.host, outages
        )
        report.embedded_in_chaos = measures.embedded(machine.ledger, since)
        await _judge(stage, arena, report, _compared(stage.observer, quiet))


async def _compared(observer: Observer, quiet: Snapshot) -> Differences:
    return compare(observer.corpus, quiet, await observer.take())


async def _under_faults(
    stage: Stage, arena: Arena, planned: list[plan.Fault], report: Report, tell: Tell
) -> None:
    corpus = stage.observer.corpus
    playing = asyncio.create_task(stage.user.play(corpus, planned[-1].at))
    await arena.run(planned, tell)
    await stage.switches.calm()
    last = time.monotonic()
    watch = asyncio.create_task(arena.watch())
    try:
        try:
            await asyncio.wait_for(playing, LISTED_SECONDS)
        except* Exception as group:
            report.stuck += [f"the user: {error!r}" for error in group.exceptions]
        await _settled(stage.observer, report, tell)
        report.recovery_seconds = time.monotonic() - last
        report.orphans = await _orphans_gone(stage.observer, tell)
        report.clean_seconds = time.monotonic() - last
    finally:
        watch.cancel()


async def _settled(observer: Observer, report: Report, tell: Tell) -> None:
    """Returns when every file is as its last operation wants it, or too much time has passed."""
    deadline = time.monotonic() + SETTLE_SECONDS
    told = 0.0
    while unsettled := await observer.unsettled():
        if time.monotonic() > deadline:
            report.stuck += [f"{file.name}: {reason}" for file, reason in unsettled.items()]
            return
        if time.monotonic() - told > 10:
            told = time.monotonic()
            file, reason = next(iter(unsettled.items()))
            tell(f"  {len(unsettled)} files to go, such as {file.name}: {reason}")
        await asyncio.sleep(LOOK_SECONDS)


async def _orphans_gone(observer: Observer, tell: Tell) -> list[str]:
    deadline = time.monotonic() + GRACE_SECONDS
    tell("  waiting for old rows to go")
    while True:
        orphans = await observer.orphans()
        if not orphans or time.monotonic() > deadline:
            return orphans
        await asyncio.sleep(LOOK_SECONDS)


async def _judge(
    stage: Stage, arena: Arena, report: Report, compared: Awaitable[Differences]
) -> None:
    observer = stage.observer
    report.injected = [fault.kind for fault in arena.injected]
    report.missed = [f"{fault.kind} at {fault.at:.0f} s: {why}" for fault, why in arena.missed]
    report.ended_by_themselves = arena.ended_by_themselves
    report.acknowledged, report.retries = stage.user.acknowledged, stage.user.retries
    report.endings = await measures.endings(observer)
    [counts] = await observer.query(
        "select (select count(*) from jobs) as jobs, "
        "(select count(*) from quarantined_messages) as quarantined, "
        "(select count(*) from jobs where tries > 1) as retried"
    )
    report.jobs, report.quarantined = counts["jobs"], counts["quarantined"]
    report.garbage = arena.garbage
    report.differences = await compared
    for file in report.differences.files:
        report.histories[file.name] = await _history(stage, stage.user.key_of(file))


async def _history(stage: Stage, object_key: str) -> list[str]:
    """All that Postgres knows of how a file became what it is."""
    documents = await stage.observer.query(
        "select * from documents where object_key = $1", object_key
    )
    attempts = await stage.observer.query(
        "select j.id as job, j.reason, j.status, j.lapses, a.number, a.worker, a.outcome,"
        " a.error_code, a.error, a.chunks_embedded, a.chunks_reused, a.started_at, a.finished_at"
        " from jobs j left join attempts a on a.job_id = j.id join documents d"
        " on d.id = j.document_id where d.object_key = $1 order by j.id, a.number",
        object_key,
    )
    return [str(dict(row)) for row in (*documents, *attempts)]


@asynccontextmanager
async def _stage(
    machine: Machine,
    corpus: Corpus,
    name: str,
    *,
    counts: tuple[int, int, int],
    small_disk: bool = False,
) -> AsyncIterator[Stage]:
    """The product running on a new database, with empty buckets, an empty queue and datasets."""
    backends = machine.backends
    [proxy_port] = free_ports(1)
    public = backends.environment()
    environment = {
        "DATABASE_URL": await create_database(public["DATABASE_URL"], f"chaos_{name}"),
        "SLUICE_REDIS_NAMESPACE": name,
        "SLUICE_MILVUS_PREFIX": f"{name}_",
        "MILVUS_URI": f"http://127.0.0.1:{proxy_port}",
    }
    folder = machine.folder / name
    folder.mkdir(parents=True)
    switches = Switches({**public, **environment})
    await switches.calm()
    async with (
        MilvusProxy(proxy_port, backends.ports.milvus, Random(name)) as proxy,
        ObjectStore.open(_object_settings(public)) as bucket,
    ):
        system = System(backends, environment, folder, counts=counts, small_disk=small_disk)
        try:
            await system.start()
            async with User(system.urls, public["SLUICE_API_KEY"], bucket) as user:
                await user.create_datasets(corpus.datasets)
                observer = Observer(user, corpus, system.environment, machine.milvus)
                yield Stage(system, proxy, switches, user, observer)
        finally:
            system.close()
            for key in [listed.key async for listed in bucket.list("")]:
                await bucket.delete(key)
            await switches.empty_queue()
            await switches.close()
            await asyncio.to_thread(_drop_collections, machine.milvus, f"{name}_")


def _object_settings(public: dict[str, str]) -> ObjectStoreSettings:
    return ObjectStoreSettings(
        r2_account_id=public["R2_ACCOUNT_ID"],
        r2_access_key_id=SecretStr(public["R2_ACCESS_KEY_ID"]),
        r2_secret_access_key=SecretStr(public["R2_SECRET_ACCESS_KEY"]),
        r2_bucket=public["R2_BUCKET"],
        r2_endpoint_url=public["SLUICE_R2_ENDPOINT_URL"],
    )


def _drop_collections(uri: str, prefix: str) -> None:
    client = milvus_client(uri)
    try:
        for name in client.list_collections():
            if name.startswith(prefix):
                client.drop_collection(name)
    finally:
        client.close()
