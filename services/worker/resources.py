"""What a worker process owns, made once by the boot middleware.

The one allowed module global, because Dramatiq has no way to hand an actor its collaborators.
"""

import asyncio
import fcntl
import os
import shutil
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import structlog

from db.engine import Sessions, create_engine, session_factory
from pipeline.account import Ledger
from pipeline.canary import Canaries
from pipeline.doors import SHARE_MAX, Door
from pipeline.embed.batcher import Batcher
from pipeline.embed.client import Embedder
from pipeline.embed.configured import configured_model, configured_pace, open_pace_redis
from pipeline.errors import Dependency, DependencyError
from pipeline.images.client import ImageEmbedder
from pipeline.images.model import configured_image_model
from pipeline.lease import LeaseKeeper
from pipeline.parse.docling_models import engine_name
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool
from pipeline.queue import PROCESS_DOCUMENT, PROCESS_LARGE_DOCUMENT, PROCESS_NEXT_DOCUMENT
from pipeline.run import Runner
from pipeline.stages import process
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from pipeline.ticks import RedisTicks
from pipeline.tools import Tools
from worker.middleware.metrics import BUSY, note_end
from worker.reception import Reception
from worker.recycle import Recycle
from worker.settings import WorkerSettings

log = structlog.get_logger(__name__)

SCRATCH_PREFIX = "sluice-worker-"


@dataclass(frozen=True, slots=True)
class Resources:
    runner: Runner
    reception: Reception
    stack: AsyncExitStack
    stopping: asyncio.Event

    def stop(self) -> None:
        """Begin no attempt any more, and ask those under way to end."""
        self.stopping.set()
        self.reception.shut()

    async def close(self) -> None:
        await self.stack.aclose()


_current: Resources | None = None


def install(resources: Resources | None) -> None:
    global _current  # noqa: PLW0603  # see the module's docstring
    _current = resources


def current() -> Resources:
    if _current is None:
        raise RuntimeError("The worker has not booted: its middleware installs the resources.")
    return _current


async def open_resources(settings: WorkerSettings) -> Resources:
    """Everything an attempt needs, on the running loop. Nothing connects before its first use."""
    stack = AsyncExitStack()
    stopping = asyncio.Event()
    engine = create_engine(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool,
        application_name="sluice-worker",
        prepared_statements=settings.database_prepared_statements,
    )
    stack.push_async_callback(engine.dispose)
    sessions = session_factory(engine)
    keeper = LeaseKeeper(lambda: own_sessions(settings, "sluice-worker-leases"))
    keeper.start()
    stack.callback(keeper.stop)
    scratch = _scratch(settings.scratch_dir, stack)
    image_model = configured_image_model(settings)
    parsers = ParserPool(
        children=settings.parsers,
        limits=ParseLimits(
            memory_bytes=settings.parser_memory,
            wall_seconds=settings.parser_timeout.total_seconds(),
            ocr=settings.ocr == "auto",
            ocr_memory_bytes=settings.parser_ocr_memory,
            pictures_max=0 if image_model is None else image_model.pictures_max,
        ),
        documents_per_child=settings.documents_per_parser,
        scratch=scratch,
        docling_models=settings.docling_models,
    )
    await parsers.start()
    log.info("parsers.started", pdf_engine=engine_name(settings.docling_models))
    stack.push_async_callback(parsers.close)
    model = configured_model(settings)
    redis = open_pace_redis(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    pace = configured_pace(settings, redis, namespace=settings.redis_namespace)
    ticks = RedisTicks(redis, namespace=settings.redis_namespace)
    publishing = asyncio.create_task(ticks.run())
    stack.callback(publishing.cancel)
    embedder = await stack.enter_async_context(Embedder(model, pace))
    doors = {
        PROCESS_NEXT_DOCUMENT: Door(settings.small_files),
        PROCESS_DOCUMENT: Door(settings.small_files),
        PROCESS_LARGE_DOCUMENT: Door(SHARE_MAX),
    }
    small = (doors[PROCESS_NEXT_DOCUMENT], doors[PROCESS_DOCUMENT])
    ledger = Ledger(sessions)
    stack.push_async_callback(ledger.aclose)
    batcher = Batcher(
        embedder,
        concurrent_calls=settings.embedding_concurrency,
        record=ledger.record,
        is_followed=lambda: any(door.is_pressed for door in small),
    )
    stack.push_async_callback(batcher.aclose)
    policy = settings.policy()
    vectors = await stack.enter_async_context(VectorStore.open(settings))
    warming = asyncio.create_task(_warm(vectors, embedder))
    stack.callback(warming.cancel)
    objects = await stack.enter_async_context(ObjectStore.open(settings))
    canaries = Canaries(
        {
            Dependency.OBJECT_STORE: objects.healthy,
            Dependency.VECTOR_STORE: vectors.healthy,
            Dependency.EMBEDDER: embedder.canary,
        }
    )
    images: ImageEmbedder | None = None
    if image_model is not None:
        images = await stack.enter_async_context(ImageEmbedder.open(image_model))
    tools = Tools(
        sessions=sessions,
        objects=objects,
        vectors=vectors,
        batcher=batcher,
        model=model,
        parsers=parsers,
        ledger=ledger,
        policy=policy,
        scratch=scratch,
        is_away=canaries.is_away,
        images=images,
        ticks=ticks,
    )
    runner = Runner(
        sessions=sessions,
        keeper=keeper,
        policy=policy,
        process=partial(process, tools),
        is_away=canaries.is_away,
        worker=worker_name(),
        stopping=stopping,
    )
    recycle = Recycle(jobs=settings.recycle_jobs, memory_bytes=settings.recycle_memory)
    reception = Reception(runner, doors, recycle, ended=note_end)
    BUSY.set_function(lambda: reception.under_way)
    return Resources(runner, reception, stack, stopping)


async def _warm(vectors: VectorStore, embedder: Embedder) -> None:
    """Make the space's collection exist before the first document waits for it (a second).

    Best effort: whatever is down now is waited for by the documents themselves.
    """
    try:
        await vectors.ensure(embedder.model.space, await embedder.probe_dimensions())
    except DependencyError as error:
        log.warning("worker.not_warm", error_code=error.code, dependency=error.dependency)


def worker_name() -> str:
    """How jobs and people call this process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def own_sessions(settings: WorkerSettings, application_name: str) -> Sessions:
    """One connection for a thread with an event loop of its own."""
    return session_factory(
        create_engine(
            settings.database_url.get_secret_value(),
            pool_size=1,
            application_name=application_name,
            prepared_statements=settings.database_prepared_statements,
        )
    )


def _scratch(parent: Path, stack: AsyncExitStack) -> Path:
    """This process's own scratch folder; those that killed processes left behind are removed.

    A lock tells: the kernel drops it with its process, also across containers with one volume.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.glob(f"{SCRATCH_PREFIX}*"):
        lock = _locked(left)
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    folder = Path(mkdtemp(prefix=SCRATCH_PREFIX, dir=parent))
    lock = _locked(folder)
    if lock is None:
        raise RuntimeError(f"Another process holds the new scratch folder {folder}.")
    stack.callback(os.close, lock)
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _locked(folder: Path) -> int | None:
    """A descriptor that holds the folder's lock; None if another process does, or it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
