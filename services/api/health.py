"""Whether the process lives, and whether each thing that it depends on answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, perf_counter
from typing import Literal

from sqlalchemy import text

from api.resources import Resources
from db.repositories.breakers import BreakerRepository

CHECK_SECONDS = 2.0
# Probes of several balancers must not become load on everything behind this process.
REPORT_AGE = timedelta(seconds=1)
EMBEDDER_PROBE_AGE = timedelta(seconds=60)
# Without the embedder everything but new vectors works: it does not take the API out of rotation.
REQUIRED = frozenset({"postgres", "redis", "object_store", "vector_store"})


@dataclass(frozen=True, slots=True)
class DependencyView:
    """`error` names the kind of failure; its text may hold addresses and stays in the log."""

    ok: bool
    milliseconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A dependency that the workers have found unavailable."""

    dependency: str
    open_since: datetime
    error_code: str


@dataclass(frozen=True, slots=True)
class ReadinessView:
    """`degraded` still serves: something that not every request needs is unavailable."""

    status: Literal["ready", "degraded", "unavailable"]
    dependencies: dict[str, DependencyView]
    open_breakers: list[BreakerView]


class Health:
    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._lock = asyncio.Lock()
        self._report: tuple[float, ReadinessView] | None = None
        self._embedder_fine_until = 0.0

    async def ready(self) -> ReadinessView:
        """Ask every dependency at once; what does not answer in time is taken for away."""
        async with self._lock:
            if self._report is not None and self._report[0] > monotonic():
                return self._report[1]
            report = await self._ask()
            self._report = (monotonic() + REPORT_AGE.total_seconds(), report)
            return report

    async def _ask(self) -> ReadinessView:
        checks: dict[str, Callable[[], Awaitable[object]]] = {
            "postgres": self._postgres,
            "redis": self._redis,
            "object_store": self._resources.objects.healthy,
            "vector_store": self._resources.vectors.healthy,
            "embedder": self._embedder,
        }
        results = await asyncio.gather(*(_check(check) for check in checks.values()))
        dependencies = dict(zip(checks, results, strict=True))
        breakers = await self._breakers() if dependencies["postgres"].ok else []
        failing = {name for name, view in dependencies.items() if not view.ok}
        status: Literal["ready", "degraded", "unavailable"] = "ready"
        if failing & REQUIRED:
            status = "unavailable"
        elif failing or breakers:
            status = "degraded"
        return ReadinessView(status, dependencies, breakers)

    async def _postgres(self) -> None:
        async with self._resources.sessions() as session:
            await session.execute(text("select 1 from jobs limit 1"))  # the schema is there too

    async def _redis(self) -> None:
        await self._resources.redis.ping()

    async def _embedder(self) -> None:
        """One word, rarely: endpoints have no free sign of life, and a probe costs tokens."""
        if monotonic() < self._embedder_fine_until:
            return
        await self._resources.embedder.embed_query("test")
        self._embedder_fine_until = monotonic() + EMBEDDER_PROBE_AGE.total_seconds()

    async def _breakers(self) -> list[BreakerView]:
        async with self._resources.sessions() as session:
            return [
                BreakerView(row.dependency, row.open_since, row.error_code)
                for row in await BreakerRepository(session).opened()
            ]


async def _check(check: Callable[[], Awaitable[object]]) -> DependencyView:
    started = perf_counter()
    error: str | None = None
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except Exception as failure:  # whatever a client library raises, the answer is "not ok"
        error = type(failure).__name__
    return DependencyView(error is None, round((perf_counter() - started) * 1000, 1), error)
