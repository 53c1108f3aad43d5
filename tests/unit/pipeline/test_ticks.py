"""Ticks that nobody can take must not be noticed by who offers them."""

import asyncio
import time
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pipeline.ticks import (
    JOBS_WAITING_MAX,
    RedisTicks,
    Tick,
    channel_of,
    channel_pattern,
    parse_channel,
)
from stack.ports import LOOPBACK, free_ports


def tick(job_id: UUID | None = None, percent: int = 1) -> Tick:
    return Tick(uuid4(), uuid4(), uuid4(), job_id or uuid4(), "embed", percent, 1, 1, None)


async def test_without_redis_offering_costs_nothing_and_what_waits_is_bounded() -> None:
    [port] = free_ports(1)
    nobody = Redis.from_url(f"redis://{LOOPBACK}:{port}", retry=Retry(NoBackoff(), 0))
    ticks = RedisTicks(nobody, namespace="sluice")
    publishing = asyncio.create_task(ticks.run())
    job_id = uuid4()

    began = time.process_time()
    for number in range(20 * JOBS_WAITING_MAX):
        ticks.offer(tick())
        ticks.offer(tick(job_id, number % 100))
        if number % 100 == 0:
            await asyncio.sleep(0)
    spent = time.process_time() - began

    assert not publishing.done()
    assert ticks.waiting <= JOBS_WAITING_MAX
    assert spent < 2
    publishing.cancel()
    await nobody.aclose()


def test_a_channel_names_its_owners_whatever_the_namespace() -> None:
    one = tick()
    channel = channel_of("a:b*", one)

    owners = parse_channel(channel)

    assert owners == (str(one.tenant_id), str(one.dataset_id), str(one.job_id))
    assert parse_channel("a:b:jobs:1:2:3") is None
    assert channel_pattern("a:b*") == r"a:b\*:progress:*"
