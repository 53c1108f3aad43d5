"""Processes share the pace of a provider's key through Redis, and do without when it is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from pipeline.embed.batcher import Batcher
from pipeline.embed.client import Embedder
from pipeline.embed.configured import open_pace_redis
from pipeline.embed.errors import EmbedderRateLimited
from pipeline.embed.model import EmbeddingModel
from pipeline.embed.pace.budget import HOLD_AFTER, Kind, Limits, Told, first_valves
from pipeline.embed.pace.pacer import Pacer
from pipeline.embed.pace.shared import SharedBudget, budget_name
from support.embeddings import EmbeddingsServer
from support.payers import payer

NAME = "test:pace:key"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with open_pace_redis(redis_url) as client:
        yield client


def pacer(redis: Redis, limits: Limits) -> Pacer:
    return Pacer(limits, SharedBudget(redis, NAME, first_valves(limits)))


async def test_two_processes_keep_to_one_limit(redis: Redis) -> None:
    pacers = [pacer(redis, Limits(requests_max=20)) for _ in range(2)]
    taken = 0

    async def take_turns(one: Pacer) -> None:
        nonlocal taken
        while True:
            await one.take(10)
            taken += 1

    began = time.monotonic()
    turns = [asyncio.create_task(take_turns(one)) for one in pacers]
    await asyncio.wait(turns, timeout=2)
    seconds = time.monotonic() - began
    for each in turns:
        each.cancel()

    # What was saved up before the start may be used as well, a second of it.
    assert 0.9 * 20 * 2 <= taken <= 20 * (seconds + 1) + 3


async def test_what_one_process_learns_all_obey(redis: Redis) -> None:
    first, second = pacer(redis, Limits()), pacer(redis, Limits())
    refused = Told(Kind.TOO_MANY_REQUESTS, 0, 10, retry_after=0.5)

    for _ in range(HOLD_AFTER):
        await first.tell(refused)
    began = time.monotonic()
    await second.take(10)

    assert 0.4 <= time.monotonic() - began <= 2


async def test_a_limit_in_the_headers_is_everybodys_from_then_on(
    redis: Redis, server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(requests_per_minute=600, tokens_per_minute=60_000)
    async with Embedder(model, pacer(redis, Limits())) as embedder:
        await embedder.embed_each(["text"])

    other = SharedBudget(redis, NAME, first_valves(Limits()))
    await other.take(1, urgent=True)

    assert other.valves.requests.rate == pytest.approx(10)
    assert other.valves.tokens.rate == pytest.approx(1_000)


async def test_somebody_who_waits_for_an_answer_goes_first_and_is_counted(redis: Redis) -> None:
    one = pacer(redis, Limits(requests_max=1))
    await one.take(1)

    began = time.monotonic()
    for _ in range(3):
        await one.take(1, urgent=True)
    at_once = time.monotonic() - began
    await one.take(1)

    assert at_once < 0.5
    assert time.monotonic() - began >= 1


async def test_without_redis_calls_go_on_at_the_pace_that_was_known_last() -> None:
    async with open_pace_redis("redis://127.0.0.1:9") as nowhere:
        one = pacer(nowhere, Limits(requests_max=20))

        began = time.monotonic()
        for _ in range(30):
            await one.take(1)
            await one.tell(Told(Kind.ACCEPTED, 1, 1))

    assert 0.3 <= time.monotonic() - began <= 3


async def test_a_third_refused_costs_no_job_no_rate_and_no_token(
    redis: Redis, server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    """The allowance is used up, and a third of what it has room for is refused all the same."""
    await server.switch(
        requests_per_minute=10 * 60,
        burst_seconds=1,
        rate_limited_share=0.3,
        retry_after_seconds=0.5,
    )
    before = await server.counters()
    small = replace(model, batch_inputs=4)
    texts = [f"text {number}" for number in range(4 * 40)]
    async with (
        Embedder(small, pacer(redis, Limits())) as first,
        Embedder(small, pacer(redis, Limits())) as second,
    ):
        batchers = [Batcher(first), Batcher(second)]
        began = time.monotonic()

        shares = await asyncio.gather(
            *(
                batchers[number % 2].embed(payer(f"job {number}"), texts[number::8])
                for number in range(8)
            )
        )

        seconds = time.monotonic() - began
    after = await server.counters()
    assert sum(len(share.vectors) for share in shares) == len(texts)
    assert after["inputs"] - before["inputs"] == len(texts)
    assert after["rate_limited"] > before["rate_limited"]
    # The last calls wait as they were asked to, perhaps twice; that is not the pace's fault.
    assert after["admitted"] - before["admitted"] >= 0.9 * 10 * (seconds - 1.1)


def test_the_name_of_a_budget_tells_nothing_of_the_key() -> None:
    model = EmbeddingModel("http://localhost/v1/", SecretStr("sk-secret"), "m")
    key = model.api_key.get_secret_value()

    name = budget_name("sluice", base_url=model.base_url, api_key=key)

    assert "secret" not in name
    assert name == budget_name("sluice", base_url="http://localhost/v1", api_key=key)
    assert name != budget_name("sluice", base_url=model.base_url, api_key="another")


async def test_a_wait_that_is_too_long_is_left_to_the_jobs(redis: Redis) -> None:
    one = pacer(redis, Limits())
    for _ in range(3):
        await one.tell(Told(Kind.TOO_MANY_REQUESTS, 0, 1, retry_after=600))

    with pytest.raises(EmbedderRateLimited) as failed:
        await one.take(1)

    assert failed.value.retry_after is not None
    assert failed.value.retry_after > timedelta(minutes=9)
