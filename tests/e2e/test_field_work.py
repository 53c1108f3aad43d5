"""What users of rival systems suffer while documents are worked on: none of it here."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from stack.backends import Backends
from support.databases import fresh_database
from support.field import Embedder, attempts_at, book, chunks_of, job_of, rows_of
from support.product import Client, Product

BATCH = 100
IN_FLIGHT = 3 * BATCH
TAKEN_UP_SECONDS = 60.0  # the lease of half a minute, and what it takes to notice and to begin


@pytest.fixture(scope="module")
async def product(
    backends: Backends, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """Two workers, of which the second is started by who needs it; parsers with little memory."""
    url = backends.environment()["DATABASE_URL"]
    async with fresh_database(url, template=database_template) as database_url:
        running = Product(
            backends,
            {
                "DATABASE_URL": database_url,
                "SLUICE_REDIS_NAMESPACE": f"e2e-{uuid4().hex[:8]}",
                "SLUICE_MILVUS_PREFIX": f"e2e_{uuid4().hex[:8]}_",
                "SLUICE_RETRY_DELAYS": "1,1,1",
                "SLUICE_PARSERS": "2",
                "SLUICE_PARSER_MEMORY": "320MiB",
            },
            tmp_path_factory.mktemp("services"),
        )
        try:
            yield running.start()
        finally:
            running.close()


@pytest.fixture
async def embedder(client: Client, product: Product) -> AsyncIterator[Embedder]:
    """Well again after the test, whatever that did to it."""
    server = Embedder(client, product)
    yield server
    await server.switch()


async def test_a_file_that_kills_its_parser_fails_with_a_code_and_its_neighbours_complete(
    client: Client,
) -> None:
    """Field scenario 4."""
    bomb = (
        b"[" + b",".join(b'{"number": %d, "name": "loaf"}' % n for n in range(900_000)) + b"]\n[]\n"
    )
    neighbours = {f"{number}.txt": book(f"n{number}", 5).encode() for number in range(10)}

    dataset = await client.create({"bomb.jsonl": bomb, **neighbours})
    documents = await client.settled(dataset, count=11, seconds=120)

    job = await job_of(client, dataset, "bomb.jsonl")
    assert job is not None
    assert documents.pop("bomb.jsonl")["error_code"] == "parser_out_of_memory"
    assert len(await attempts_at(client, job)) == 4  # the first and three more
    assert {document["status"] for document in documents.values()} == {"completed"}


async def test_a_storm_of_429_fails_no_file_and_pays_for_no_chunk_twice(
    client: Client, embedder: Embedder
) -> None:
    """Field scenario 5."""
    texts = {f"{number}.txt": book(f"storm {number}", 120) for number in range(24)}
    paid = await embedder.inputs()
    await embedder.switch(rate_limited_share=0.3, retry_after_seconds=0.2)

    dataset = await client.create({name: text.encode() for name, text in texts.items()})
    documents = await client.settled(dataset, count=24, seconds=120)

    counters = await embedder.counters()
    assert {document["status"] for document in documents.values()} == {"completed"}
    assert counters["inputs"] - paid == sum(len(chunks_of(text)) for text in texts.values())
    assert counters["requests"] > counters["answered"]  # it did storm


async def test_a_cancelled_job_stops_paying_and_frees_its_worker_and_stays_cancelled(
    client: Client, product: Product, embedder: Embedder
) -> None:
    """Field scenario 10."""
    await embedder.switch(latency_ms=500)
    dataset = await client.create({"long.txt": book("cancelled", 40_000).encode()})
    job = await client.until(lambda: under_way(client, dataset, "long.txt"))

    cancelled = await client.call("POST", f"/jobs/{job['task_id']}/cancel")
    answered_at = time.monotonic()
    last_call, requests = 0.0, (await embedder.counters())["requests"]
    while time.monotonic() - answered_at < 5:
        now = (await embedder.counters())["requests"]
        if now > requests:
            last_call, requests = time.monotonic() - answered_at, now
        await asyncio.sleep(0.05)
    await embedder.switch()
    other = await client.create({"next.txt": b"Whose turn is it now?"})
    await client.settled(other, count=1, seconds=30)

    assert cancelled["status"] == "cancelled"
    assert last_call < 2
    found = await job_of(client, dataset, "long.txt")
    assert found is not None
    assert found["status"] == "cancelled"
    assert await client.search(dataset, "faint sources", mode="keyword") == []


async def test_a_cancel_ends_the_parser_of_a_file_that_takes_long(
    client: Client, product: Product, embedder: Embedder
) -> None:
    """Field scenario 10: the parser is in the middle of a file when the cancel comes."""
    await embedder.switch(latency_ms=1_000)
    dataset = await client.create({"long.txt": book("parsed", 200_000).encode()})
    job = await client.until(lambda: under_way(client, dataset, "long.txt"))
    before = {process.pid for process in product.processes("worker-1")}

    await client.call("POST", f"/jobs/{job['task_id']}/cancel")

    async def ended() -> bool:
        return bool(before - {process.pid for process in product.processes("worker-1")})

    await client.until(ended, seconds=5)


async def test_a_failure_at_the_last_step_embeds_what_was_missing_and_no_more(
    client: Client, product: Product, embedder: Embedder
) -> None:
    """Field scenario 6."""
    text = book("resumed", 118_500)
    total = len(chunks_of(text))
    before = await embedder.inputs()
    dataset = await client.create({"resumed.txt": text.encode()})

    async def embedded(chunks: int) -> bool:
        return await embedder.inputs() - before >= chunks

    await client.until(lambda: embedded(9_500), seconds=180)
    await embedder.switch(latency_ms=1_000)  # or the moment would pass unseen
    await client.until(lambda: embedded(9_900))
    product.kill("worker-1")
    await embedder.switch()
    stored = len(await rows_of(product, dataset))
    product.start_one("worker-1")
    documents = await client.settled(dataset, count=1, seconds=120)

    [job] = await client.jobs(dataset)
    lapsed, completed = await attempts_at(client, job)
    assert total > 9_900
    assert documents["resumed.txt"]["chunk_count"] == total
    assert lapsed["outcome"] == "lapsed"
    assert completed["chunks_embedded"] == total - stored <= total - 9_900 + IN_FLIGHT


async def test_work_of_a_worker_that_died_is_taken_up_and_never_seems_further_than_it_is(
    client: Client, product: Product, embedder: Embedder
) -> None:
    """Field scenario 1: killed while one file is parsed, one embedded, one stored."""
    await embedder.switch(latency_ms=1_000)
    text = book("killed", 6_000)
    dataset = await client.create(
        {
            "parsed.jsonl": b"\n".join(b'{"n": %d}' % n for n in range(20_000)),
            "embedded.txt": text.encode(),
            "small.txt": book("small", 5).encode(),
        }
    )
    job = await client.until(lambda: under_way(client, dataset, "embedded.txt"))
    product.kill("worker-1")
    killed_at = time.monotonic()
    await embedder.switch()

    async with watching(client, dataset) as seen:
        await asyncio.to_thread(product.start_one, "worker-1")

        async def taken_up() -> bool:
            return len(await attempts_at(client, job)) > 1

        await client.until(taken_up, seconds=TAKEN_UP_SECONDS)
        waited = time.monotonic() - killed_at
        documents = await client.settled(dataset, count=3, seconds=90)

    assert waited < TAKEN_UP_SECONDS
    assert {document["status"] for document in documents.values()} == {"completed"}
    for name, percents in seen.items():
        assert percents == sorted(percents), name
        assert percents[-1] == 100
    assert documents["embedded.txt"]["chunk_count"] == len(chunks_of(text))
    first, *_, last = await attempts_at(client, job)
    assert (first["outcome"], last["outcome"]) == ("lapsed", "completed")


@asynccontextmanager
async def watching(client: Client, dataset: str) -> AsyncIterator[dict[str, list[int]]]:
    """What each document's progress is said to be; at 100 everything is found."""
    seen: dict[str, list[int]] = {}
    stop = asyncio.Event()

    async def watch() -> None:
        done = False
        while not done:
            done = stop.is_set()
            for name, document in (await client.documents(dataset)).items():
                seen.setdefault(name, []).append(document["progress"])
                assert document["progress"] < 100 or document["searchable"]

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watch())
        try:
            yield seen
        finally:
            stop.set()


async def test_slow_work_that_is_healthy_goes_on_and_work_that_hangs_is_taken_over(
    client: Client, product: Product, embedder: Embedder
) -> None:
    """Field scenario 19: slower than a lease, beside a worker that stands still for longer."""
    second = product.add_worker()
    product.start_one(second)
    await embedder.switch(latency_ms=9_000)
    texts = {f"{number}.txt": book(f"slow {number}", 5_000) for number in range(8)}
    dataset = await client.create({name: text.encode() for name, text in texts.items()})

    async def all_at_work() -> list[dict[str, Any]]:
        jobs = await client.jobs(dataset)
        at_work = [job for job in jobs if job["status"] == "processing"]
        return jobs if len(at_work) == len(texts) else []

    await client.until(all_at_work)
    pids = {str(process.pid) for process in product.processes(second)}
    product.freeze(second)
    jobs = await client.jobs(dataset)  # what it ended before it stood still is done
    hung = [
        job
        for job in jobs
        if job["status"] == "processing"
        and (await attempts_at(client, job))[-1]["worker"].split(":")[-1] in pids
    ]
    try:
        await client.until(lambda: lapsed(client, hung), seconds=TAKEN_UP_SECONDS)
        await embedder.switch()
        documents = await client.settled(dataset, count=len(texts), seconds=120)
    finally:
        product.thaw(second)

    assert hung
    assert {name: document["chunk_count"] for name, document in documents.items()} == {
        name: len(chunks_of(text)) for name, text in texts.items()
    }
    for job in jobs:
        outcomes = [attempt["outcome"] for attempt in await attempts_at(client, job)]
        assert outcomes == (["lapsed", "completed"] if job in hung else ["completed"])


async def lapsed(client: Client, jobs: list[dict[str, Any]]) -> bool:
    attempts = [(await attempts_at(client, job))[0] for job in jobs]
    return all(attempt["outcome"] == "lapsed" for attempt in attempts)


async def under_way(client: Client, dataset: str, file_name: str) -> dict[str, Any] | None:
    """The job, once some of its chunks are stored."""
    job = await job_of(client, dataset, file_name)
    return job if job is not None and job["chunks_done"] and job["status"] == "processing" else None
