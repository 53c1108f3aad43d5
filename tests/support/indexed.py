"""Files indexed by the stages themselves, on real servers, without the processes around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from db.engine import Sessions
from db.models import Attempt as AttemptRow
from db.models import Dataset
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
from pipeline.store.objects import ObjectStore
from pipeline.store.rows import StoredRow, row_id
from pipeline.store.vectors import VectorStore
from pipeline.tools import Tools
from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client
from support.catalog import Home, apply, document_of, make_home
from worker.settings import WorkerSettings


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
    limits = ParseLimits(memory_bytes=1024**3, wall_seconds=60)
    async with AsyncExitStack() as stack:
        parsers = ParserPool(children=1, limits=limits, scratch=tmp_path)
        await parsers.start()
        stack.push_async_callback(parsers.close)
        embedder = await stack.enter_async_context(Embedder(model))
        ledger = Ledger(sessions)
        stack.push_async_callback(ledger.aclose)
        batcher = Batcher(embedder, record=ledger.record)
        stack.push_async_callback(batcher.aclose)
        yield Tools(
            sessions=sessions,
            objects=await stack.enter_async_context(ObjectStore.open(settings)),
            vectors=await stack.enter_async_context(VectorStore.open(settings)),
            batcher=batcher,
            model=model,
            parsers=parsers,
            ledger=ledger,
            policy=Policy(),
            scratch=tmp_path,
        )


@dataclass(frozen=True, slots=True)
class Indexed:
    """A dataset with one file in it."""

    tools: Tools
    home: Home
    name: str

    async def index(self) -> AttemptRow:
        return await self.run(await self.tell())

    async def tell(self) -> UUID:
        """The job that an event makes."""
        [job_id] = (await apply(self.tools.sessions, self.home.change(self.name))).values()
        assert job_id is not None
        return job_id

    async def run(self, job_id: UUID) -> AttemptRow:
        keeper = LeaseKeeper(lambda: self.tools.sessions)  # never started: an attempt is short
        runner = Runner(
            sessions=self.tools.sessions,
            keeper=keeper,
            policy=self.tools.policy,
            process=partial(process, self.tools),
            worker="w1",
            stopping=asyncio.Event(),
        )
        await runner.run(job_id)
        async with self.tools.sessions() as session:
            attempts = await session.scalars(
                select(AttemptRow).where(AttemptRow.job_id == job_id).order_by(AttemptRow.number)
            )
            return list(attempts)[-1]

    async def rows(self) -> list[StoredRow]:
        document = await document_of(self.tools.sessions, self.home, self.name)
        assert document.live_generation is not None
        owner = str(document.id)
        ids = [row_id(owner, document.live_generation, n) for n in range(document.chunk_count or 0)]
        return await self.tools.vectors.fetch(self.tools.model.space, ids)


@pytest.fixture
async def put(servers: Backends, tools: Tools, bucket: str) -> Any:
    async def put(
        name: str, text: str | bytes, *, tenant_id: UUID | None = None, **chunking: object
    ) -> Indexed:
        home = await make_home(tools.sessions, space=tools.model.space, tenant_id=tenant_id)
        async with tools.sessions.begin() as session:
            if chunking:
                await session.execute(
                    update(Dataset).where(Dataset.id == home.dataset_id).values(**chunking)
                )
        direct = f"http://{LOOPBACK}:{servers.ports.objects}"
        async with store_client(servers.environment(), endpoint_url=direct) as client:
            await client.put_object(
                Bucket=bucket,
                Key=f"{home.dataset_id}/{name}",
                Body=text if isinstance(text, bytes) else text.encode(),
            )
        return Indexed(tools, home, name)

    return put
