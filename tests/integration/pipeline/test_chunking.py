"""What a dataset chose about its chunks, from its row to the rows of the index."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from db.engine import Sessions
from db.models import Attempt as AttemptRow
from db.models import Dataset, Document, Outcome
from pipeline.analysis import analyse_query
from pipeline.embed.batcher import Batcher
from pipeline.embed.client import Embedder
from pipeline.embed.configured import configured_model
from pipeline.fingerprint import content_hash
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
from support.rows import a_row
from worker.settings import WorkerSettings

SENTENCES = [f"This is sentence number {n}, and it speaks of one thing." for n in range(120)]
PROSE = " ".join(SENTENCES)
SECTIONS = "\n\n".join(
    f"# Part {n}\n\n{' '.join(SENTENCES[n * 30 : n * 30 + 30])}" for n in range(4)
)


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
        batcher = Batcher(await stack.enter_async_context(Embedder(model)))
        stack.push_async_callback(batcher.aclose)
        yield Tools(
            sessions=sessions,
            objects=await stack.enter_async_context(ObjectStore.open(settings)),
            vectors=await stack.enter_async_context(VectorStore.open(settings)),
            batcher=batcher,
            model=model,
            parsers=parsers,
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
    async def put(name: str, text: str, **chunking: object) -> Indexed:
        home = await make_home(tools.sessions, space=tools.model.space)
        async with tools.sessions.begin() as session:
            await session.execute(
                update(Dataset).where(Dataset.id == home.dataset_id).values(**chunking)
            )
        direct = f"http://{LOOPBACK}:{servers.ports.objects}"
        async with store_client(servers.environment(), endpoint_url=direct) as client:
            await client.put_object(
                Bucket=bucket, Key=f"{home.dataset_id}/{name}", Body=text.encode()
            )
        return Indexed(tools, home, name)

    return put


async def test_with_a_heading_prefix_what_is_hashed_has_the_headings_and_what_is_shown_not(
    put: Any,
) -> None:
    dataset = await put(
        "a.md", SECTIONS, chunk_strategy="heading", chunk_size=500, chunk_heading_prefix=True
    )

    await dataset.index()

    rows = await dataset.rows()
    assert {row.heading_path for row in rows} == {(f"Part {n}",) for n in range(4)}
    for row in rows:
        context = f"{row.heading_path[0]}\n"
        assert row.metadata == {"context": context}
        assert row.content_hash == content_hash(context + row.text)
        assert len(row.text) == row.char_end - row.char_start <= 500


async def test_passages_that_decide_where_semantic_chunks_end_are_counted_as_paid(
    put: Any,
) -> None:
    dataset = await put("a.txt", PROSE, chunk_strategy="semantic", chunk_overlap=0)

    attempt = await dataset.index()

    rows = await dataset.rows()
    assert " ".join(row.text for row in rows) == PROSE
    in_chunks = sum(-(-len(row.text.encode()) // 4) for row in rows)  # as the server counts
    assert in_chunks * 1.9 < attempt.tokens < in_chunks * 2.3


async def test_an_attempt_that_resumes_with_other_cuts_replaces_what_differs(
    put: Any, tools: Tools
) -> None:
    chosen = {"chunk_strategy": "semantic", "chunk_overlap": 0}
    quiet, resumed = await put("a.txt", PROSE, **chosen), await put("a.txt", PROSE, **chosen)
    await quiet.index()
    expected, count = await quiet.rows(), len(await quiet.rows())
    done = await document_of(tools.sessions, quiet.home)
    # As if an attempt had died that had cut otherwise from the second chunk on.
    job_id = await resumed.tell()
    async with tools.sessions.begin() as session:
        await session.execute(
            update(Document)
            .where(Document.dataset_id == resumed.home.dataset_id)
            .values(
                generation=done.live_generation,
                building_etag=done.live_etag,
                building_fingerprint=done.live_fingerprint,
            )
        )
    found = await document_of(tools.sessions, resumed.home)
    vector = (await tools.batcher.embed("a test", ["anything"])).vectors[0]
    first = expected[0]
    rows = [
        a_row(0, text=first.text, content_hash=first.content_hash, char_start=first.char_start),
        a_row(1, text="Cut otherwise."),
        a_row(count, text="One too many."),
    ]
    owner: dict[str, Any] = {
        "dataset": str(found.dataset_id),
        "document": str(found.id),
        "dense": vector,
    }
    await tools.vectors.write(tools.model.space, [replace(row, **owner) for row in rows])

    attempt = await resumed.run(job_id)

    assert attempt.outcome == Outcome.COMPLETED
    assert (attempt.chunks_embedded, attempt.chunks_reused) == (count - 1, 1)
    assert [row.text for row in await resumed.rows()] == [row.text for row in expected]


async def test_words_are_stored_in_the_forms_of_their_language_and_the_dataset_knows_it(
    put: Any, tools: Tools
) -> None:
    text = "Die Häuser der Stadt sind alt, und sie werden nicht gestrichen."
    dataset = await put("a.txt", text, chunk_size=1000)

    await dataset.index()

    async with tools.sessions() as session:
        found = await session.get_one(Dataset, dataset.home.dataset_id)
    rows = await tools.vectors.search_keyword(
        tools.model.space,
        tenant=str(found.tenant_id),
        datasets=[str(found.id)],
        query_tokens=analyse_query("Haus", found.languages),
        limit=5,
    )
    assert found.languages == ["de"]
    assert len(rows) == 1
