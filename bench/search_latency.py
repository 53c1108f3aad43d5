"""How long a hybrid search takes at many chunks, where the time goes, and what the index misses.

    make bench-alone NAME=search_latency ARGS='--chunks 100000 --queries 200'

The rows go straight into the vector store, in the product's own form, under documents that are
live; the vectors are made up (the embeddings server's synthetic mode) and the words are drawn as
words of prose are, a few of them often. The questions go through the API, one after another, and
each is embedded. The index is compared with brute force over the same vectors.
"""

import argparse
import asyncio
import hashlib
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
from bench.rig import Rig, create_dataset
from sqlalchemy import insert, select

from db.engine import create_engine, session_factory
from db.models import Dataset, Document
from pipeline.analysis import analyse, analyse_query
from pipeline.embed.client import Embedder
from pipeline.embed.configured import configured_model
from pipeline.filters import Filter
from pipeline.settings import EmbeddingSettings, VectorStoreSettings
from pipeline.store.rows import Row
from pipeline.store.vectors import VectorStore

CHUNKS_OF_DOCUMENT = 50
BATCH = 500
DIMENSIONS = 384
VOCABULARY = 50_000
WORDS_OF_CHUNK = 150
WORDS_OF_QUERY = 6
RECALL_DEPTH = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    asked = parser.parse_args()
    with Rig() as rig, rig.api() as api:
        dataset = create_dataset(api, "bench search latency")
        asyncio.run(fill(rig.environment, dataset, asked.chunks))
        ask(api, dataset, questions(5))  # so that every connection is open
        for mode in ("keyword", "dense", "hybrid"):
            report(mode, ask(api, dataset, questions(asked.queries), mode=mode))
        asyncio.run(take_apart(rig.environment, dataset, asked.chunks, asked.queries))


def text_of(number: int) -> str:
    """Words by their rank, the first ones often, as in prose."""
    draw = random.Random(number)
    return " ".join(f"word{int(VOCABULARY ** draw.random())}" for _ in range(WORDS_OF_CHUNK))


def questions(count: int) -> list[str]:
    draw = random.Random(7)
    return [
        " ".join(f"word{int(VOCABULARY ** draw.random())}" for _ in range(WORDS_OF_QUERY))
        for _ in range(count)
    ]


def vector_of(text: str) -> Sequence[float]:
    """As the embeddings server's synthetic mode makes it, without asking it 100,000 times."""
    digest = hashlib.shake_256(text.encode()).digest(2 * DIMENSIONS)
    numbers = np.frombuffer(digest, dtype="<i2").astype(np.float32) * 2 + 1
    made: list[float] = (numbers / np.linalg.norm(numbers)).tolist()
    return made


async def fill(environment: dict[str, str], dataset: str, chunks: int) -> None:
    engine = create_engine(environment["DATABASE_URL"], pool_size=2, application_name="bench")
    sessions = session_factory(engine)
    documents = [uuid4() for _ in range(-(-chunks // CHUNKS_OF_DOCUMENT))]
    async with sessions.begin() as session:
        found = await session.scalar(select(Dataset).where(Dataset.id == UUID(dataset)))
        assert found is not None
        tenant, space = found.tenant_id, found.live_space
        for start in range(0, len(documents), 1_000):
            await session.execute(
                insert(Document).values(
                    [
                        {
                            "id": document,
                            "tenant_id": tenant,
                            "dataset_id": UUID(dataset),
                            "object_key": f"{dataset}/{document}",
                            "file_name": str(document),
                            "generation": 1,
                            "live_generation": 1,
                            "live_space": space,
                            "chunk_count": CHUNKS_OF_DOCUMENT,
                        }
                        for document in documents[start : start + 1_000]
                    ]
                )
            )
    began = time.perf_counter()
    async with VectorStore.open(settings_of(VectorStoreSettings, environment)) as store:
        for batch in batches(rows(str(tenant), dataset, documents, chunks)):
            await store.write(space, batch)
    print(f"{chunks} rows of {DIMENSIONS} dimensions in {time.perf_counter() - began:.0f} s")
    await engine.dispose()


def rows(tenant: str, dataset: str, documents: Sequence[UUID], chunks: int) -> Iterator[Row]:
    for number in range(chunks):
        text = text_of(number)
        yield Row(
            tenant=tenant,
            dataset=dataset,
            document=str(documents[number // CHUNKS_OF_DOCUMENT]),
            generation=1,
            ordinal=number % CHUNKS_OF_DOCUMENT,
            dense=vector_of(text),
            text=text,
            tokens=analyse(text),
            content_hash=str(number),
            char_start=0,
            char_end=len(text),
            file_name="file.txt",
        )


def batches(made: Iterator[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for row in made:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def ask(api: httpx.Client, dataset: str, asked: Sequence[str], **body: Any) -> list[float]:
    seconds = []
    for question in asked:
        began = time.perf_counter()
        answer = api.post(f"/datasets/{dataset}/search", json={"query": question, **body})
        seconds.append(time.perf_counter() - began)
        assert answer.raise_for_status().json()["caveats"] == []
    return seconds


async def take_apart(environment: dict[str, str], dataset: str, chunks: int, queries: int) -> None:
    """The same steps, each alone; and the index's nearest beside the truly nearest."""
    model = configured_model(settings_of(EmbeddingSettings, environment))
    vectors = np.array([vector_of(text_of(number)) for number in range(chunks)], np.float32)
    steps: dict[str, list[float]] = {name: [] for name in ("embed", "dense", "keyword", "rows")}
    recalls = []
    engine = create_engine(environment["DATABASE_URL"], pool_size=2, application_name="bench")
    async with (
        session_factory(engine)() as session,
        VectorStore.open(settings_of(VectorStoreSettings, environment)) as store,
        Embedder(model) as embedder,
    ):
        tenant = (await session.get_one(Dataset, UUID(dataset))).tenant_id
        scope: dict[str, Any] = {
            "tenant": str(tenant), "datasets": [dataset], "where": Filter(), "limit": 250
        }  # fmt: skip
        for question in questions(queries):
            times = [time.perf_counter()]
            vector = await embedder.embed_query(question)
            times.append(time.perf_counter())
            near = await store.search_dense(model.space, vector=vector, **scope)
            times.append(time.perf_counter())
            tokens = analyse_query(question, [])
            await store.search_keyword(model.space, query_tokens=tokens, **scope)
            times.append(time.perf_counter())
            await store.fetch(model.space, [row.id for row in near[:RECALL_DEPTH]])
            times.append(time.perf_counter())
            for name, start, end in zip(steps, times, times[1:], strict=False):
                steps[name].append(end - start)
            cosines = vectors @ np.array(vector, np.float32)
            least = np.partition(cosines, -RECALL_DEPTH)[-RECALL_DEPTH]
            found = [row.score >= least - 1e-4 for row in near[:RECALL_DEPTH]]
            recalls.append(sum(found) / RECALL_DEPTH)
    await engine.dispose()
    for name, seconds in steps.items():
        report(f"  of it {name}", seconds)
    print(f"recall@{RECALL_DEPTH} of the index against brute force: {statistics.mean(recalls):.4f}")


def report(name: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(
        f"{name:16} p50 {statistics.median(ordered) * 1e3:7.1f} ms   p95 {p95 * 1e3:7.1f} ms   "
        f"max {ordered[-1] * 1e3:7.1f} ms",
        flush=True,
    )


def settings_of(kind: type[Any], environment: dict[str, str]) -> Any:
    names = {str(field.validation_alias): name for name, field in kind.model_fields.items()}
    return kind.model_validate(
        {names[name]: value for name, value in environment.items() if name in names}
    )


if __name__ == "__main__":
    main()
