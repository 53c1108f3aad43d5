"""The budget in the process's own memory: without Redis, and while it is away."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.embed.pace.budget import (
    AHEAD_SECONDS,
    BURST_SECONDS,
    HOLD_SECONDS,
    OVERRUN_ANSWERS,
    OVERRUN_SHARE,
    WINDOW_ANSWERS,
    WINDOW_SECONDS,
    WINDOW_SECONDS_MAX,
    Closed,
    Kind,
    Limits,
    Told,
    Turn,
    Valves,
    first_valves,
    hold_after,
)


@dataclass(slots=True)
class _Counted:
    since: float
    requests: int = 0
    tokens: int = 0
    answers: int = 0
    too_many_requests: int = 0
    too_many_tokens: int = 0
    refused: int = 0
    held: float = 0.0

    def is_over(self, seconds: float) -> bool:
        if self.answers >= OVERRUN_ANSWERS and self.refused >= OVERRUN_SHARE * self.answers:
            return True
        return seconds >= (WINDOW_SECONDS if self.answers >= WINDOW_ANSWERS else WINDOW_SECONDS_MAX)


@dataclass(slots=True)
class LocalBudget:
    """As `shared.py` has it, line by line."""

    limits: Limits
    clock: Callable[[], float] = time.monotonic
    valves: Valves = field(init=False)
    _requests_at: float = field(init=False, default=0.0)
    _tokens_at: float = field(init=False, default=0.0)
    _hold_until: float = field(init=False, default=0.0)
    _streak: int = field(init=False, default=0)
    _requests_limit: float | None = field(init=False, default=None)
    _tokens_limit: float | None = field(init=False, default=None)
    _window: _Counted = field(init=False)

    def __post_init__(self) -> None:
        self.valves = first_valves(self.limits)
        self._window = _Counted(self.clock())

    async def take(self, tokens: int, *, urgent: bool) -> Turn:
        now = self.clock()
        if self._hold_until > now and not urgent:
            return Turn(self._hold_until - now, reserved=False)
        requests_at, wait = _turn(self._requests_at, now, 1, self.valves.requests.rate)
        tokens_at, wait_for_tokens = _turn(self._tokens_at, now, tokens, self.valves.tokens.rate)
        wait = max(wait, wait_for_tokens)
        if wait > AHEAD_SECONDS and not urgent:
            return Turn(wait, reserved=False)
        self._requests_at, self._tokens_at = requests_at, tokens_at
        return Turn(wait, reserved=True)

    async def tell(self, told: Told) -> Closed | None:
        now = self.clock()
        if self.valves.tokens.rate:
            self._tokens_at += (told.tokens - told.expected) / self.valves.tokens.rate
        self._requests_limit = told.requests_limit or self._requests_limit
        self._tokens_limit = told.tokens_limit or self._tokens_limit
        if self.valves.requests.rate is None and told.requests_limit:
            self._window = _Counted(now)  # what went before it was known tells nothing
            return self._closed(0.0, _Counted(now))
        window = self._window
        window.answers += 1
        if told.kind is Kind.ACCEPTED:
            self._streak = 0
            window.requests += 1
            window.tokens += told.tokens
        else:
            self._streak += 1
            window.refused += 1
            window.too_many_requests += told.kind is Kind.TOO_MANY_REQUESTS
            window.too_many_tokens += told.kind is Kind.TOO_MANY_TOKENS
            if self._streak >= hold_after(told.retry_after):
                pause = HOLD_SECONDS if told.retry_after is None else told.retry_after
                window.held += max(now + pause - max(self._hold_until, now), 0)
                self._hold_until = max(self._hold_until, now + pause)
        return self._close(now)

    async def set(self, valves: Valves) -> None:
        self.valves = valves

    def _close(self, now: float) -> Closed | None:
        counted, seconds = self._window, now - self._window.since
        if not counted.is_over(seconds):
            return None
        self._window = _Counted(max(now, self._hold_until))  # what is held says nothing
        return self._closed(seconds, counted)

    def _closed(self, seconds: float, counted: _Counted) -> Closed:
        return Closed.of(
            seconds,
            min(counted.held, seconds),
            answers=counted.answers,
            requests=(counted.requests, counted.too_many_requests),
            tokens=(counted.tokens, counted.too_many_tokens),
            valves=self.valves,
            limits=(self._requests_limit, self._tokens_limit),
        )


def _turn(at: float, now: float, units: int, rate: float | None) -> tuple[float, float]:
    """When the next turn is after this one, and how long this one waits."""
    if not rate:
        return at, 0.0
    at = max(at, now - BURST_SECONDS)
    return at + units / rate, max(at - now, 0.0)
