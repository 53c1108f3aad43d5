"""What a user must not notice: a worker that dies, a Redis that forgets, an event that repeats."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind
from stack.backends import Backends
from support.product import Client, Product


def book(lines: int) -> bytes:
    return "\n".join(
        f"Line {number}: the survey of field {number * 37} found {number % 11} faint sources."
        for number in range(lines)
    ).encode()


def chunk_count(text: bytes) -> int:
    chunker = chunker_for(ChunkSettings())
    block = Block(text.decode(), BlockKind.PARAGRAPH, char_start=0, separator="")
    return len([*chunker.feed(block), *chunker.finish()])


async def slow_embeddings(
    client: Client, product: Product, milliseconds: int, **faults: int
) -> None:
    url = product.environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/_switches"
    key = product.environment["OPENAI_API_KEY"]
    response = await client.bucket.post(
        url,
        json={"reset": True, "latency_ms": milliseconds, **faults},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert response.is_success, response.text


async def embeddings_in_flight(client: Client, product: Product) -> int:
    url = product.environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/_switches"
    key = product.environment["OPENAI_API_KEY"]
    response = await client.bucket.get(url, headers={"Authorization": f"Bearer {key}"})
    return int(response.json()["counters"]["requests_in_flight"])


async def attempts_of(client: Client, dataset: str) -> list[dict[str, Any]]:
    [job] = await client.jobs(dataset)
    page = await client.call("GET", f"/jobs/{job['task_id']}/attempts")
    attempts: list[dict[str, Any]] = page["items"]
    return attempts


async def test_a_worker_killed_in_the_middle_is_replaced_and_its_work_resumed(
    client: Client, product: Product
) -> None:
    text = book(6000)
    await slow_embeddings(client, product, 700)
    try:
        dataset = await client.create({"book.txt": text})

        async def under_way() -> bool:
            jobs = await client.jobs(dataset)
            return any(job["status"] == "processing" and job["chunks_done"] > 0 for job in jobs)

        await client.until(under_way)
        product.kill("worker-1")
    finally:
        await slow_embeddings(client, product, 0)
    product.start_one("worker-1")

    documents = await client.settled(dataset, count=1, seconds=90)

    attempts = await attempts_of(client, dataset)
    assert documents["book.txt"]["status"] == "completed"
    assert documents["book.txt"]["chunk_count"] == chunk_count(text)
    assert sorted(attempt["outcome"] for attempt in attempts) == ["completed", "lapsed"]
    [resumed] = [attempt for attempt in attempts if attempt["outcome"] == "completed"]
    assert resumed["chunks_reused"] > 0  # rows of the dead worker were found and kept
    assert resumed["chunks_reused"] + resumed["chunks_embedded"] == chunk_count(text)


async def test_jobs_queued_in_a_redis_that_forgets_everything_are_done_all_the_same(
    client: Client, product: Product
) -> None:
    product.kill("worker-1")
    files = {f"{number}.txt": book(5 + number) for number in range(40)}
    dataset = await client.create(files)

    async def all_queued() -> bool:
        return len(await client.jobs(dataset)) == 40

    await client.until(all_queued)
    async with Redis.from_url(product.environment["REDIS_URL"]) as redis:

        async def announced() -> bool:
            queue = f"{product.environment['SLUICE_REDIS_NAMESPACE']}:documents"
            return bool(await redis.llen(queue))

        await client.until(announced)
        await redis.flushall()
    product.start_one("worker-1")

    documents = await client.settled(dataset, count=40, seconds=90)

    assert {document["status"] for document in documents.values()} == {"completed"}
    assert {name: document["chunk_count"] for name, document in documents.items()} == {
        name: chunk_count(body) for name, body in files.items()
    }


async def test_the_same_event_three_times_makes_one_job_and_no_second_row(
    client: Client, product: Product
) -> None:
    environment = product.environment
    headers = {"Authorization": f"Bearer {environment['CF_API_TOKEN']}"}
    faults = environment["SLUICE_CF_API_URL"].removesuffix("/client/v4") + "/_standin/faults"
    answer = await client.bucket.put(faults, json={"sends_to_duplicate": 1}, headers=headers)
    assert answer.is_success, answer.text
    dataset = await client.create({"a.txt": book(20)})
    await client.settled(dataset, count=1)
    [document] = (await client.documents(dataset)).values()
    account = environment["CF_ACCOUNT_ID"]
    queues = await client.bucket.get(
        f"{environment['SLUICE_CF_API_URL']}/accounts/{account}/queues", headers=headers
    )
    [queue] = [
        found["queue_id"]
        for found in queues.json()["result"]
        if found["queue_name"] == environment["CF_QUEUE_NAME"]
    ]
    event = {
        "account": account,
        "action": "PutObject",
        "bucket": environment["R2_BUCKET"],
        "object": {"key": f"{dataset}/a.txt", "size": len(book(20)), "eTag": document["etag"]},
        "eventTime": "2026-01-01T00:00:00.000Z",
    }
    sent = await client.bucket.post(
        f"{environment['SLUICE_CF_API_URL']}/accounts/{account}/queues/{queue}/messages",
        json={"body": event, "content_type": "json"},
        headers=headers,
    )
    assert sent.is_success, sent.text
    other = await client.create({"b.txt": b"Taken in after the late event."})
    await client.settled(other, count=1)

    hits = await client.search(dataset, "survey", mode="keyword", limit=100)

    assert len(await client.jobs(dataset)) == 1
    assert len(hits) == chunk_count(book(20)) == document["chunk_count"]


async def test_an_embedder_that_is_down_delays_a_document_and_costs_it_no_try(
    client: Client, product: Product, backends: Backends
) -> None:
    backends.stop("embeddings")
    try:
        dataset = await client.create({"a.txt": book(3)})

        async def waiting() -> bool:
            jobs = await client.jobs(dataset)
            return bool(jobs) and jobs[0]["waiting_for"] == "dependency"

        await client.until(waiting)
    finally:
        await asyncio.to_thread(backends.start, "embeddings")

    documents = await client.settled(dataset, count=1, seconds=60)

    [job] = await client.jobs(dataset)
    assert documents["a.txt"]["status"] == "completed"
    assert job["retries"] == 0


async def test_what_was_embedded_while_the_vector_store_went_down_is_stored_once_it_is_back(
    client: Client, product: Product, backends: Backends
) -> None:
    await client.settled(await client.create({"first.txt": book(3)}), count=1)
    text = book(40).replace(b"survey", b"census")  # of no other document
    await slow_embeddings(client, product, 5_000)
    dataset = await client.create({"a.txt": text})

    async def is_embedding() -> bool:
        return await embeddings_in_flight(client, product) > 0

    await client.until(is_embedding)
    backends.kill("milvus")
    try:
        await slow_embeddings(client, product, 0)

        async def has_failed_to_store() -> bool:
            return '"rows.write_failed"' in product.log("worker-1")

        await client.until(has_failed_to_store)
    finally:
        await asyncio.to_thread(backends.start, "milvus")

    await client.settled(dataset, count=1, seconds=90)

    attempts = await attempts_of(client, dataset)
    assert sum(attempt["chunks_embedded"] for attempt in attempts) == chunk_count(text)


async def test_a_worker_that_is_told_to_stop_stores_what_it_has_paid_for(
    client: Client, product: Product
) -> None:
    text = book(10_000).replace(b"survey", b"ledger")  # of no other document
    # The first call is answered when those beside it have long come to their end.
    await slow_embeddings(client, product, 1_000, slow_share=1, slow_ms=4_000, faults_left=1)
    try:
        dataset = await client.create({"book.txt": text})

        async def several_calls_are_under_way() -> bool:
            return await embeddings_in_flight(client, product) >= 3

        await client.until(several_calls_are_under_way)
        await asyncio.to_thread(product.stop, "worker-1")
    finally:
        await slow_embeddings(client, product, 0)
    product.start_one("worker-1")

    await client.settled(dataset, count=1, seconds=60)

    attempts = await attempts_of(client, dataset)
    assert sorted(attempt["outcome"] for attempt in attempts) == ["completed", "released"]
    [resumed] = [attempt for attempt in attempts if attempt["outcome"] == "completed"]
    assert resumed["chunks_reused"] >= 300  # of three calls
    assert sum(attempt["chunks_embedded"] for attempt in attempts) == chunk_count(text)


async def test_a_poller_killed_in_the_middle_of_an_upload_storm_loses_nothing(
    client: Client, product: Product
) -> None:
    files = {f"{number}.txt": book(4) for number in range(60)}
    dataset = await client.create(dict(list(files.items())[:30]))
    product.kill("poller")
    await client.upload(dataset, dict(list(files.items())[30:]))
    product.start_one("poller")

    documents = await client.settled(dataset, count=60, seconds=120)

    assert {document["status"] for document in documents.values()} == {"completed"}
    assert len(await client.jobs(dataset)) == 60
