"""Retries, keys that make a POST safe to repeat, and problems as errors."""

import asyncio

import pytest

from sluice import (
    AsyncClient,
    Client,
    InvalidRequest,
    NotFound,
    Retries,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from stack.ports import LOOPBACK, free_ports
from support.broken_http import answering
from support.small_sluice import KEY, Fault, SmallSluice

MISSING = "0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11"


async def test_what_may_pass_is_tried_again_under_one_key(
    server: SmallSluice, client: AsyncClient
) -> None:
    in_use = {"code": "idempotency_key_in_use"}
    server.faults["/datasets"] = [Fault(503), Fault(429), Fault(409, body=in_use)]

    made = await client.datasets.create("papers")

    assert made.name == "papers"
    posts = server.requests("POST", "/datasets")
    assert len(posts) == 4
    assert len({post.headers["Idempotency-Key"] for post in posts}) == 1
    await client.datasets.create("more")
    assert len({p.headers["Idempotency-Key"] for p in server.requests("POST", "/datasets")}) == 2


async def test_it_waits_as_long_as_the_server_asks_but_not_for_ever(
    server: SmallSluice, client: AsyncClient
) -> None:
    loop = asyncio.get_running_loop()
    server.faults["/datasets"] = [Fault(503, {"Retry-After": "1"})]
    began = loop.time()
    assert [each async for each in client.datasets.list()] == []
    waited = loop.time() - began

    server.faults["/datasets"] = [Fault(503, {"Retry-After": "86400"}, {"code": "away"})]
    with pytest.raises(Unavailable) as refused:
        await client.datasets.create("papers")

    assert waited >= 1
    assert (refused.value.status, refused.value.code) == (503, "away")


async def test_what_cannot_pass_is_not_tried_again(
    server: SmallSluice, client: AsyncClient
) -> None:
    wrong = [{"field": "name", "message": "must not be blank"}]
    server.faults["/datasets"] = [Fault(400, body={"code": "invalid_request", "errors": wrong})]

    with pytest.raises(InvalidRequest) as refused:
        await client.datasets.create(" ")
    with pytest.raises(NotFound) as missing:
        await client.datasets.get(MISSING)

    assert [each.field for each in refused.value.errors] == ["name"]
    assert (missing.value.code, missing.value.request_id) == ("dataset_not_found", "r1")
    assert len(server.requests("POST", "/datasets")) == 1


async def test_no_server_a_wrong_key_and_another_server_are_told_apart(
    server: SmallSluice,
) -> None:
    [nobody] = free_ports(1)
    once = Retries(attempts=1)

    async with AsyncClient(f"http://{LOOPBACK}:{nobody}", KEY, retries=once) as client:
        with pytest.raises(Unreachable):
            await client.datasets.get(MISSING)
    async with AsyncClient(server.url, "wrong", retries=once) as client:
        with pytest.raises(Unauthenticated):
            await client.datasets.get(MISSING)
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nhey!"
    async with answering(page) as url, AsyncClient(url, KEY, retries=once) as client:
        with pytest.raises(UnexpectedAnswer):
            await client.datasets.get(MISSING)


async def test_the_blocking_client_does_the_same(server: SmallSluice) -> None:
    def work() -> list[str]:
        with Client(server.url, KEY, retries=Retries(attempts=1)) as client:
            client.datasets.create("one")
            client.datasets.create("two")
            with pytest.raises(NotFound):
                client.datasets.get(MISSING)
            return [dataset.name for dataset in client.datasets.list()]

    assert await asyncio.to_thread(work) == ["one", "two"]
