"""Ticks of progress on their way from a worker to whoever listens: by Redis, at best.

Publishing never waits and never fails for whom it tells of: a tick is put down, a task of its own
sends it, and what Redis does not take at once is forgotten.
"""

import asyncio
import json
import re
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

TICK_CHARS_MAX = 1_000
JOBS_WAITING_MAX = 256
# Between two sendings: what comes meanwhile goes together.
GATHER_SECONDS = 0.05
AFTER_ERROR_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Tick:
    """How far a job is. `seconds_left` None: nothing is known yet."""

    tenant_id: UUID
    dataset_id: UUID
    document_id: UUID
    job_id: UUID
    stage: str
    percent: int
    chunks_done: int
    tokens: int
    seconds_left: int | None

    def encoded(self) -> str:
        """As clients get it."""
        fields = asdict(self)
        del fields["tenant_id"]
        message = {
            "type": "progress",
            **{name: str(v) if isinstance(v, UUID) else v for name, v in fields.items()},
        }
        return json.dumps(message, separators=(",", ":"))


class Ticks(Protocol):
    """Where ticks go; must return at once and raise nothing."""

    def offer(self, tick: Tick) -> None: ...


class NoTicks:
    def offer(self, tick: Tick) -> None:
        """Nobody listens."""


class RedisTicks:
    """Holds the latest tick of at most so many jobs; the oldest goes first."""

    def __init__(self, redis: Redis, *, namespace: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._waiting: dict[UUID, Tick] = {}
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many were not sent yet."""
        return len(self._waiting)

    def offer(self, tick: Tick) -> None:
        self._waiting.pop(tick.job_id, None)
        if len(self._waiting) >= JOBS_WAITING_MAX:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[tick.job_id] = tick
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        away = False
        while True:
            await self._news.wait()
            self._news.clear()
            ticks = list(self._waiting.values())
            self._waiting.clear()
            try:
                await self._publish(ticks)
                away = False
            except (RedisError, OSError) as error:
                if not away:
                    log.warning("ticks.not_published", error=type(error).__name__)
                away = True
            await asyncio.sleep(AFTER_ERROR_SECONDS if away else GATHER_SECONDS)

    async def _publish(self, ticks: list[Tick]) -> None:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for tick in ticks:
                pipeline.publish(channel_of(self._namespace, tick), tick.encoded())
            await pipeline.execute()


def channel_of(namespace: str, tick: Tick) -> str:
    """Names its owners, so that whoever passes it on need not read it."""
    return f"{namespace}:progress:{tick.tenant_id}:{tick.dataset_id}:{tick.job_id}"


def channel_pattern(namespace: str) -> str:
    """For all channels, as Redis matches them."""
    return re.sub(r"([*?\[\]^\\-])", r"\\\1", namespace) + ":progress:*"


def parse_channel(channel: str) -> tuple[str, str, str] | None:
    """Tenant, dataset and job; None if it is no channel of ours."""
    parts = channel.rsplit(":", 4)
    return (parts[2], parts[3], parts[4]) if len(parts) == 5 and parts[1] == "progress" else None
