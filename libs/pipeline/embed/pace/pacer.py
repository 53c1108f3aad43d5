"""Letting calls go at the pace of their provider's key, and learning it from the answers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import structlog
from redis.exceptions import RedisError

from pipeline.embed.errors import EmbedderRateLimited
from pipeline.embed.pace.budget import AHEAD_SECONDS, Budget, Limits, Told
from pipeline.embed.pace.local import LocalBudget
from pipeline.embed.pace.shared import SharedBudget

log = structlog.get_logger()

T = TypeVar("T")

# Whoever would wait longer gives up: what waits so long waits better in Postgres.
PATIENCE_SECONDS = 60.0
ASK_AGAIN_SECONDS = 0.05
# Redis that does not answer is left alone for so long; each process keeps to what it knew last.
REDIS_REST_SECONDS = 5.0


class Pacer:
    """For one event loop. Without Redis each process has a budget of its own."""

    def __init__(self, limits: Limits | None = None, shared: SharedBudget | None = None) -> None:
        self._limits = limits or Limits()
        self._shared = shared
        self._local = LocalBudget(self._limits)
        self._shared_from = 0.0  # on the monotonic clock

    async def take(self, tokens: int, *, urgent: bool = False) -> None:
        """Wait for the turn of a call with about so many tokens. `urgent`: for somebody who waits;
        it is counted, and goes at once.

        Raises EmbedderRateLimited if it would take longer than a minute.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            turn = await self._ask(lambda budget: budget.take(tokens, urgent=urgent))
            if urgent:
                return
            if turn.reserved:
                await asyncio.sleep(turn.wait)
                return
            if time.monotonic() + turn.wait > deadline:
                raise EmbedderRateLimited(
                    "The embedding endpoint allows too few calls for all that waits.",
                    retry_after=timedelta(seconds=turn.wait),
                )
            await asyncio.sleep(max(turn.wait - AHEAD_SECONDS, ASK_AGAIN_SECONDS))

    async def tell(self, told: Told) -> None:
        """How a call was answered."""
        closed = await self._ask(lambda budget: budget.tell(told))
        if closed is None:
            return
        valves = closed.adjusted(self._limits)
        if valves != closed.valves:
            await self._ask(lambda budget: budget.set(valves))
        if valves.requests.before or valves.tokens.before:  # only a cut leaves one
            log.info(
                "pace.slower",
                requests_per_second=_rounded(valves.requests.rate),
                tokens_per_second=_rounded(valves.tokens.rate),
                refused=closed.requests.refused + closed.tokens.refused,
                answers=closed.requests.answers,
            )

    async def _ask(self, question: Callable[[Budget], Awaitable[T]]) -> T:
        if self._shared is not None and time.monotonic() >= self._shared_from:
            try:
                return await question(self._shared)
            except (RedisError, OSError, TimeoutError) as error:
                # Politeness is lost, not work: calls go on, each process by itself.
                self._shared_from = time.monotonic() + REDIS_REST_SECONDS
                self._local.valves = self._shared.valves
                log.warning("pace.redis_away", error=type(error).__name__)
        return await question(self._local)


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 2)
