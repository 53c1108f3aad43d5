"""Deletes against re-uploads, overwrites and a running attempt, in every order.

The real stages and the real stores. An attempt is held after its look at the object and after its
writes; what clients do comes before, between and after. In the end the index shows what the object
is, and nothing anywhere is left of what is gone. All orders run side by side.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, update

from db.engine import Sessions
from db.models import Dataset, Document
from integration.pipeline.held_stores import HeldObjects, HeldVectors
from integration.pipeline.orders import NAME, Order, World
from pipeline.account import Ledger
from pipeline.embed.batcher import Batcher
from pipeline.embed.client import Embedder
from pipeline.embed.configured import configured_model
from pipeline.lease import LeaseKeeper
from pipeline.parse.limits import ParseLimits
from pipeline.parse.pool import ParserPool
from pipeline.policy import Policy
from pipeline.run import Runner
from pipeline.stages import process
from pipeline.tools import Tools
from poller.upkeep import Upkeep
from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client
from support.catalog import document_of, jobs_of, make_home
from worker.settings import WorkerSettings

AT_ONCE = 8
STEPS = ("attempt",) * 3  # its look, its writes, its end
CLIENTS = [
    ("delete", "put"),
    ("delete", "overwrite"),
    ("vanish", "put"),
    ("vanish", "overwrite"),
    ("delete_dataset", "overwrite"),
    ("delete", "vanish"),
    ("delete", "other_attempt"),
    ("overwrite", "other_attempt"),
]


@pytest.fixture
async def tools(
    servers: Backends, sessions: Sessions, bucket: str, collection_prefix: str, tmp_path: Path
) -> AsyncIterator[Tools]:
    for name in ("milvus", "embeddings"):
        servers.start(name)
    settings = WorkerSettings.model_validate(
        {
            **servers.environment(),
            "R2_BUCKET": bucket,
            "SLUICE_R2_DERIVED_BUCKET": bucket,
            "SLUICE_R2_ENDPOINT_URL": f"http://{LOOPBACK}:{servers.ports.objects}",
            "SLUICE_MILVUS_PREFIX": collection_prefix,
        }
    )
    model = configured_model(settings)
    async with AsyncExitStack() as stack:
        parsers = ParserPool(
            children=1,
            limits=ParseLimits(memory_bytes=1024**3, wall_seconds=60),
            scratch=tmp_path,
        )
        await parsers.start()
        stack.push_async_callback(parsers.close)
        batcher = Batcher(await stack.enter_async_context(Embedder(model)))
        stack.push_async_callback(batcher.aclose)
        yield Tools(
            sessions=sessions,
            objects=await stack.enter_async_context(HeldObjects.open(settings)),
            vectors=await stack.enter_async_context(HeldVectors.open(settings)),
            batcher=batcher,
            model=model,
            parsers=parsers,
            ledger=Ledger(sessions),
            policy=Policy(),
            scratch=tmp_path,
        )


@pytest.fixture
async def world(servers: Backends, tools: Tools, bucket: str) -> AsyncIterator[World]:
    # Never started: an attempt learns from its own writes that it lost the job, as late as can be.
    keeper = LeaseKeeper(lambda: tools.sessions)

    def runner(worker: str) -> Runner:
        return Runner(
            sessions=tools.sessions,
            keeper=keeper,
            policy=tools.policy,
            process=partial(process, tools),
            worker=worker,
            stopping=asyncio.Event(),
        )

    direct = f"http://{LOOPBACK}:{servers.ports.objects}"
    async with store_client(servers.environment(), endpoint_url=direct) as client:
        assert isinstance(tools.objects, HeldObjects)
        yield World(tools.sessions, tools.objects, client, bucket, runner("w1"), runner("w2"))


def orders(clients: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every way to mix what clients do, in any order, with the steps of the attempt."""
    yield from sorted(set(itertools.permutations((*STEPS, *clients))))


async def run(world: World, space: str, steps: tuple[str, ...], *, late: bool) -> Order:
    """A document that is searchable and has just been overwritten, and then these steps."""
    order = Order(world, await make_home(world.sessions, space=space))
    await order.put()
    await order.other_attempt()
    await order.overwrite()
    order.late = late
    for step in steps:
        await getattr(order, step)()
    await order.settle()
    return order


@pytest.mark.parametrize("late", [False, True], ids=["events_at_once", "events_late"])
async def test_the_index_shows_what_the_object_is_and_nothing_is_left_of_what_is_gone(
    world: World, tools: Tools, *, late: bool
) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(steps: tuple[str, ...]) -> tuple[tuple[str, ...], Order]:
        async with slots:
            return steps, await run(world, tools.model.space, steps, late=late)

    pairs = CLIENTS if late else CLIENTS[::2]  # late events are the harder case
    done = await asyncio.gather(*(one(steps) for clients in pairs for steps in orders(clients)))
    await purge(tools)

    rows = {
        (stored.document, stored.generation): stored.rows
        async for stored in tools.vectors.generations(tools.model.space)
    }
    left = {key.key.partition("/")[0] async for key in tools.objects.list("")}
    wrong = {steps: found for steps, order in done if (found := await faults(order, rows, left))}
    assert wrong == {}


async def purge(tools: Tools) -> None:
    """What the upkeep does when all delays are over."""
    async with tools.sessions.begin() as session:
        overdue = func.now() - timedelta(hours=1)
        await session.execute(
            update(Document).where(Document.purge_after.is_not(None)).values(purge_after=overdue)
        )
        await session.execute(
            update(Dataset).where(Dataset.deleted_at.is_not(None)).values(deleted_at=overdue)
        )
    upkeep = Upkeep(tools.sessions, tools.objects, tools.vectors)
    while await upkeep.round():
        pass


async def faults(order: Order, rows: dict[tuple[str, int], int], left: set[str]) -> list[str]:
    """What is not as it should be, in words."""
    sessions, home = order.world.sessions, order.home
    document = await document_of(sessions, home, NAME)
    async with sessions() as session:
        dataset = await session.get_one(Dataset, home.dataset_id)
    mine = {generation: n for (id_, generation), n in rows.items() if id_ == str(document.id)}
    found = await order.world.objects.head(order.key)
    stays = order.kept and dataset.deleted_at is None
    unfinished = [job.status for job in await jobs_of(sessions, home) if job.finished_at is None]
    checks = {
        f"unfinished jobs {unfinished}": bool(unfinished),
        f"the object is there: {found is not None}": (found is not None) != stays,
        f"live {document.live_etag}": document.live_etag != (order.etag if stays else None),
        f"removed at {document.removed_at}": (document.removed_at is None) != stays,
        f"deleted at {document.deleted_at}": stays and document.deleted_at is not None,
        f"rows {mine}": list(mine) != ([document.live_generation] if stays else []),
        "its text is kept": (str(document.id) in left) != stays,
        "its dataset is not purged": dataset.deleted_at is not None and not dataset.purged_at,
    }
    return [words for words, wrong in checks.items() if wrong]
