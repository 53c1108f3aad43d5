"""What users of rival systems suffer with many files, many tenants, many replicas: none of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from stack.backends import Backends
from support.databases import fresh_database
from support.field import Embedder, attempts_at, book, chunks_of
from support.product import Client, Product

APIS = ("api", "api-2", "api-3")
SERVICES = ("worker-1", "worker-2", "poller", "poller-2", *APIS)
POLLERS = 2
WINDOW = 24  # the announcer's own default
PATIENCE_SECONDS = 120  # a test that waits for what never comes should say so


@pytest.fixture(scope="module")
async def product(
    backends: Backends, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """Two pollers, two workers, three apis."""
    url = backends.environment()["DATABASE_URL"]
    async with fresh_database(url, template=database_template) as database_url:
        running = Product(
            backends,
            {
                "DATABASE_URL": database_url,
                "SLUICE_REDIS_NAMESPACE": f"e2e-{uuid4().hex[:8]}",
                "SLUICE_MILVUS_PREFIX": f"e2e_{uuid4().hex[:8]}_",
                "SLUICE_PARSERS": "2",
                "SLUICE_ANNOUNCE_WINDOW": str(WINDOW),
                "SLUICE_SMALL_FILES": "4",  # so that some have to wait in Redis
            },
            tmp_path_factory.mktemp("services"),
            workers=2,
        )
        running.add_poller()
        for _ in APIS[1:]:
            running.add_api()
        try:
            yield running.start()
        finally:
            running.close()


async def test_a_large_dataset_neither_starves_a_small_one_nor_fills_redis(
    client: Client, product: Product
) -> None:
    """Field scenarios 13 and 14."""
    embedder = Embedder(client, product)
    await embedder.switch(latency_ms=100)
    many = {f"{number}.txt": book(f"many {number}", 3).encode() for number in range(200)}
    large = await client.create(many)
    longest = 0
    async with Redis.from_url(product.environment["REDIS_URL"]) as redis:
        queue = f"{product.environment['SLUICE_REDIS_NAMESPACE']}:documents"
        small = await client.create({"one.txt": b"One file, after two hundred others."})

        async def small_is_done() -> list[dict[str, Any]]:
            nonlocal longest
            longest = max(longest, await redis.llen(queue))
            return [d for d in (await client.documents(small)).values() if d["searchable"]]

        [one] = await client.until(small_is_done)
        left = [d for d in (await client.documents(large)).values() if not d["searchable"]]
        await embedder.switch()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while [d for d in (await client.documents(large)).values() if not d["searchable"]]:
                longest = max(longest, await redis.llen(queue))
    documents = await client.settled(large, count=200, seconds=120)

    assert one["status"] == "completed"
    assert left  # it overtook them
    assert {document["status"] for document in documents.values()} == {"completed"}
    # Each poller looks how much room there is before it is its turn to fill it.
    assert 0 < longest <= WINDOW * POLLERS


async def test_a_rolling_restart_under_load_shows_no_client_an_error_and_costs_nothing(
    client: Client, product: Product
) -> None:
    """Field scenarios 2 and 18: every service in turn, while files arrive and clients ask."""
    embedder = Embedder(client, product)
    await embedder.switch(latency_ms=200)
    texts = {f"{number}.txt": book(f"rolling {number}", 300) for number in range(60)}
    paid = await embedder.inputs()
    dataset = await client.create({name: text.encode() for name, text in texts.items()})

    async with asking(product, f"/datasets/{dataset}") as answers:
        for name in SERVICES:
            await asyncio.to_thread(product.stop, name)
            await asyncio.to_thread(product.start_one, name)
        await client.settled(dataset, count=60, seconds=120)
    await embedder.switch()

    jobs = await client.jobs(dataset)
    attempts = [attempt for job in jobs for attempt in await attempts_at(client, job)]
    # When it starts, an api asks for one vector, and a worker for two, which must agree.
    probes = 2 * 2 + len(APIS)
    assert len(answers) > 100
    assert set(answers) == {200}
    assert {(job["status"], job["retries"]) for job in jobs} == {("completed", 0)}
    assert {attempt["outcome"] for attempt in attempts} <= {"completed", "released"}
    assert await embedder.inputs() - paid <= sum(len(chunks_of(t)) for t in texts.values()) + probes


@asynccontextmanager
async def asking(product: Product, path: str) -> AsyncIterator[list[int]]:
    """The status codes that clients see who go to the next api where one takes no connection."""
    answers: list[int] = []
    stop = asyncio.Event()

    async def ask(clients: list[Client], first: int) -> None:
        number = first
        while not stop.is_set():
            number += 1
            answers.append((await reached(clients, number, path)).status_code)

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(product.client(name)) for name in APIS]
        async with asyncio.TaskGroup() as tasks:
            for first in range(len(APIS)):
                tasks.create_task(ask(clients, first))
            try:
                yield answers
            finally:
                stop.set()


async def reached(clients: list[Client], number: int, path: str) -> httpx.Response:
    for further in range(len(clients)):
        try:
            return await clients[(number + further) % len(clients)].http.get(path)
        except httpx.TransportError:  # what a load balancer tries again elsewhere
            continue
    raise AssertionError("no api answers")


async def test_every_replica_knows_a_dataset_at_once_and_none_gives_an_older_answer(
    product: Product,
) -> None:
    """Field scenario 18."""
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(product.client(name)) for name in APIS]
        dataset = await clients[0].create({"a.txt": book("replicas", 200).encode()})
        seen: list[int] = []

        async with asyncio.timeout(PATIENCE_SECONDS):
            while not seen or seen[-1] < 100:
                for client in clients:
                    answer = await client.http.get(f"/datasets/{dataset}")
                    assert answer.status_code == 200
                    seen.append(answer.json()["progress"]["percent"])

    assert seen == sorted(seen)


async def test_a_queue_that_redis_forgets_and_services_that_die_lose_no_file(
    client: Client, product: Product
) -> None:
    """Field scenario 2: Redis emptied, then a worker, a poller and the api killed, mid-run."""
    files = {f"{number}.txt": book(f"lost {number}", 12).encode() for number in range(100)}
    dataset = await client.create(files)
    async with Redis.from_url(product.environment["REDIS_URL"]) as redis:
        await redis.flushall()
    for name in ("worker-1", "poller", "api"):
        product.kill(name)
    for name in ("worker-1", "poller", "api"):
        await asyncio.to_thread(product.start_one, name)

    documents = await client.settled(dataset, count=100, seconds=120)

    assert {document["status"] for document in documents.values()} == {"completed"}
