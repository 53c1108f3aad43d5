"""What Redis knows of the work: messages that nobody has fetched, and the pace of embedding."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pipeline.queue import ALL_TASKS, Task

log = structlog.get_logger(__name__)

MINUTE = 60


@dataclass(frozen=True, slots=True)
class PaceState:
    """How fast the key of an endpoint may be used now; None where no limit is known. `refusals`
    are those of the window of some seconds that is open."""

    requests_per_minute: float | None
    tokens_per_minute: float | None
    refusals: int


@dataclass(frozen=True, slots=True)
class RedisState:
    waiting: Mapping[Task, int]
    pace: PaceState | None  # None: no call was made lately


class QueueReader:
    """For one deployment: `namespace` is that of its messages, `pace_name` of its budget."""

    def __init__(self, redis: Redis, *, namespace: str, pace_name: str) -> None:
        self._redis = redis
        self._namespace = namespace
        self._pace_name = pace_name

    async def read(self) -> RedisState | None:
        """None while Redis is away."""
        try:
            waiting = {
                task: await self._redis.llen(f"{self._namespace}:{task.queue_name}")
                for task in ALL_TASKS
            }
            budget = await cast(Awaitable[dict[Any, Any]], self._redis.hgetall(self._pace_name))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("dependency.unavailable", dependency="redis", error=type(error).__name__)
            return None
        return RedisState(waiting, _pace(budget) if budget else None)


def _pace(budget: Mapping[str, str]) -> PaceState:
    def a_minute(field: str) -> float | None:
        rate = float(budget.get(field) or 0)
        return round(rate * MINUTE, 1) if rate else None

    return PaceState(
        a_minute("requests_rate"),
        a_minute("tokens_rate"),
        int(float(budget.get("window_refused") or 0)),
    )
