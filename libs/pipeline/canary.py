"""Is a dependency away, or is it only this document? A small request of our own decides.

A document that alone provokes errors must not hold up everybody else's: a breaker opens only if the
canary fails as well.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from pipeline.errors import Dependency, PipelineError

log = structlog.get_logger(__name__)

Ask = Callable[[], Awaitable[object]]
IsAway = Callable[[Dependency], Awaitable[bool]]

CANARY_SECONDS = 5.0
# Attempts that fail together share one canary.
ANSWER_AGE_SECONDS = 2.0


@dataclass(slots=True)
class Canaries:
    """For one event loop. `asks`: a cheap request to each dependency that has one."""

    asks: Mapping[Dependency, Ask]
    _locks: dict[Dependency, asyncio.Lock] = field(default_factory=dict)
    _answers: dict[Dependency, tuple[float, bool]] = field(default_factory=dict)

    async def is_away(self, dependency: Dependency) -> bool:
        """Whether the canary fails too; one that nobody can ask is taken for away."""
        ask = self.asks.get(dependency)
        if ask is None:
            return True
        async with self._locks.setdefault(dependency, asyncio.Lock()):
            asked_at, away = self._answers.get(dependency, (-ANSWER_AGE_SECONDS, True))
            if time.monotonic() - asked_at >= ANSWER_AGE_SECONDS:
                away = await _fails(ask)
                self._answers[dependency] = (time.monotonic(), away)
                if away:
                    log.warning("canary.failed", dependency=dependency)
        return away


async def _fails(ask: Ask) -> bool:
    try:
        async with asyncio.timeout(CANARY_SECONDS):
            await ask()
    except (PipelineError, OSError):  # TimeoutError is an OSError
        return True
    except Exception as error:
        # Raised on, it would cost the attempt its verdict, and the job a lapse.
        log.exception("canary.unexpected_error", error=type(error).__name__)
        return True
    return False
