"""Ticks of progress from Redis, for those who listen. Nothing depends on them."""

import asyncio
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.live.hub import Hub
from pipeline.ticks import TICK_CHARS_MAX, channel_pattern, parse_channel

log = structlog.get_logger(__name__)

WAIT_SECONDS = 1.0
AGAIN_SECONDS = 1.0


async def pass_ticks(redis: Redis, hub: Hub, *, namespace: str) -> None:
    """Pass on what workers publish while anybody listens, until cancelled."""
    while True:
        await hub.somebody.wait()
        try:
            await _listen(redis, hub, channel_pattern(namespace))
        except (RedisError, OSError) as error:
            log.warning("ticks.lost", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)


async def _listen(redis: Redis, hub: Hub, pattern: str) -> None:
    async with redis.pubsub() as subscription:
        await subscription.psubscribe(pattern)
        while hub.somebody.is_set():
            message = await subscription.get_message(
                ignore_subscribe_messages=True, timeout=WAIT_SECONDS
            )
            if message is not None:
                _pass(hub, message)


def _pass(hub: Hub, message: dict[str, Any]) -> None:
    text = str(message["data"])
    owners = parse_channel(str(message["channel"]))
    if owners is None or len(text) > TICK_CHARS_MAX:
        return  # somebody else's
    tenant, dataset, job = owners
    try:
        hub.tell_tick(UUID(tenant), UUID(dataset), job, text)
    except ValueError:
        return
