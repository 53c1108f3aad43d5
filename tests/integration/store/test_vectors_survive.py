"""What the index keeps and how it behaves when its server dies and comes back."""

import asyncio

import pytest

from pipeline.errors import Dependency, DependencyError
from pipeline.settings import VectorStoreSettings
from pipeline.store.vectors import VectorStore
from stack.backends import Backends
from support.rows import a_row, rows

SPACE = "space"
WRITERS = 12
BATCH = 20
ROWS_BEFORE_THE_KILL = 1_500


async def test_a_store_that_is_away_is_a_dependency_and_comes_back_by_itself(
    servers: Backends, vectors: VectorStore
) -> None:
    await vectors.write(SPACE, rows(range(5)))
    servers.kill("milvus")

    with pytest.raises(DependencyError) as away:
        await vectors.count(SPACE, dataset="dataset", document="document", generation=1)
    with pytest.raises(DependencyError):
        await vectors.healthy()
    servers.start("milvus")

    assert away.value.dependency is Dependency.VECTOR_STORE
    await vectors.healthy()
    hits = await vectors.search_dense(
        SPACE, tenant="tenant", datasets=["dataset"], vector=a_row(0).dense, limit=9
    )
    assert len(hits) == 5


async def test_rows_written_before_a_kill_are_all_there_after_it(
    servers: Backends, vector_settings: VectorStoreSettings
) -> None:
    acknowledged: dict[str, int] = {}
    enough = asyncio.Event()

    async def write_until_it_dies(document: str) -> None:
        async with VectorStore.open(vector_settings) as store:
            for start in range(0, 10_000, BATCH):
                batch = rows(range(start, start + BATCH), document=document)
                try:
                    await store.write(SPACE, batch)
                except DependencyError:
                    return
                acknowledged[document] = start + BATCH
                all_write = len(acknowledged) == WRITERS
                if all_write and sum(acknowledged.values()) >= ROWS_BEFORE_THE_KILL:
                    enough.set()

    async with asyncio.TaskGroup() as writers:
        for number in range(WRITERS):
            writers.create_task(write_until_it_dies(f"document-{number}"))
        await asyncio.wait_for(enough.wait(), timeout=60)
        await asyncio.to_thread(servers.kill, "milvus")
    await asyncio.to_thread(servers.start, "milvus")

    async with VectorStore.open(vector_settings) as store:
        for document, count in acknowledged.items():
            present = await store.present_ordinals(
                SPACE, dataset="dataset", document=document, generation=1
            )
            assert set(present) >= set(range(count))
