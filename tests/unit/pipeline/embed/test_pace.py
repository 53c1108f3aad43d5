"""The pace finds what an endpoint allows, in time that only passes in the test."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from pipeline.embed.pace.budget import Kind, Limits, Told
from pipeline.embed.pace.local import LocalBudget

TOKENS = 1_000


@dataclass
class Endpoint:
    """Allows `allowed` requests a second with a bucket of so many, and refuses some by chance."""

    allowed: float
    bucket: float = 10.0
    by_chance: float = 0.0
    retry_after: float | None = 1.0
    tells_limits: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    left: float = field(init=False, default=0.0)
    at: float = field(init=False, default=0.0)
    accepted: int = field(init=False, default=0)
    refused: int = field(init=False, default=0)

    def answer(self, now: float) -> Told:
        self.left = min(self.bucket, self.left + (now - self.at) * self.allowed)
        self.at = now
        limit = self.allowed if self.tells_limits else None
        if self.left < 1:
            self.refused += 1
            kind = Kind.TOO_MANY_REQUESTS
            return Told(kind, 0, TOKENS, retry_after=self.retry_after, requests_limit=limit)
        self.left -= 1
        if self.chance.random() < self.by_chance:
            self.refused += 1
            kind = Kind.BY_CHANCE if self.tells_limits else Kind.TOO_MANY_REQUESTS
            return Told(kind, 0, TOKENS, retry_after=self.retry_after, requests_limit=limit)
        self.accepted += 1
        return Told(Kind.ACCEPTED, TOKENS, TOKENS, requests_limit=limit)


async def drive(
    endpoint: Endpoint,
    limits: Limits,
    *,
    seconds: float,
    change: Callable[[Endpoint, float], None] = lambda _, __: None,
    possible: float = 200.0,
) -> tuple[int, int]:
    """As many calls as the budget lets go, at most `possible` a second; accepted and refused in the
    latter half of the time."""
    now = 0.0
    budget = LocalBudget(limits, clock=lambda: now)
    before = (0, 0)
    while now < seconds:
        change(endpoint, now)
        turn = await budget.take(TOKENS, urgent=False)
        now += max(turn.wait if turn.reserved else max(turn.wait - 1, 0.05), 0)
        if turn.reserved:
            now += 1 / possible
            closed = await budget.tell(endpoint.answer(now))
            if closed is not None:
                await budget.set(closed.adjusted(limits))
        if now < seconds / 2:
            before = (endpoint.accepted, endpoint.refused)
    return endpoint.accepted - before[0], endpoint.refused - before[1]


@pytest.mark.parametrize("allowed", [3.0, 20.0])
@pytest.mark.parametrize("bucket", [2.0, 60.0])
async def test_what_an_endpoint_allows_is_found_by_its_refusals(
    allowed: float, bucket: float
) -> None:
    endpoint = Endpoint(allowed, bucket=bucket)

    accepted, refused = await drive(endpoint, Limits(), seconds=300)

    assert accepted >= 0.95 * allowed * 150
    assert refused <= 0.1 * accepted


async def test_refusals_by_chance_do_not_slow_it_down() -> None:
    endpoint = Endpoint(allowed=1_000, by_chance=0.3)

    accepted, refused = await drive(endpoint, Limits(requests_max=20), seconds=300)

    assert accepted + refused >= 0.95 * 20 * 150


@pytest.mark.parametrize("bucket", [2.0, 10.0])
async def test_a_limit_is_found_among_refusals_by_chance(bucket: float) -> None:
    shares = []
    for seed in range(4):
        chance = random.Random(seed)
        endpoint = Endpoint(allowed=20, bucket=bucket, by_chance=0.3, chance=chance)
        accepted, _ = await drive(endpoint, Limits(), seconds=600)
        shares.append(accepted / 0.7 / (20 * 300))

    assert min(shares) >= 0.88, shares
    assert sum(shares) / len(shares) >= 0.93, shares


async def test_limits_in_the_headers_are_kept_from_the_start() -> None:
    endpoint = Endpoint(allowed=20, by_chance=0.3, tells_limits=True)

    accepted, refused = await drive(endpoint, Limits(), seconds=120)

    assert accepted / 0.7 >= 0.95 * 20 * 60
    assert refused / (accepted + refused) <= 0.36


async def test_it_slows_down_within_seconds_when_less_is_allowed_and_recovers() -> None:
    endpoint = Endpoint(allowed=40)

    def halve(changed: Endpoint, now: float) -> None:
        changed.allowed = 40.0 if now < 100 else 10.0

    accepted, refused = await drive(endpoint, Limits(), seconds=200, change=halve)

    assert accepted >= 0.95 * 10 * 100
    assert refused <= 0.1 * accepted + 40 * 8


async def test_no_more_is_sent_than_the_settings_allow() -> None:
    endpoint = Endpoint(allowed=1_000)

    accepted, _ = await drive(endpoint, Limits(requests_first=2, requests_max=10), seconds=400)

    assert 0.95 * 10 * 200 <= accepted <= 1.02 * 10 * 200


async def test_a_limit_of_tokens_spaces_calls_by_what_they_cost() -> None:
    endpoint = Endpoint(allowed=1_000)

    accepted, _ = await drive(endpoint, Limits(tokens_max=5 * TOKENS), seconds=100)

    assert 0.95 * 5 * 50 <= accepted <= 1.05 * 5 * 50


async def test_an_endpoint_that_refuses_everything_is_asked_as_rarely_as_it_wishes() -> None:
    endpoint = Endpoint(allowed=0, retry_after=20)

    accepted, refused = await drive(endpoint, Limits(), seconds=200)

    assert accepted == 0
    assert refused <= 8
