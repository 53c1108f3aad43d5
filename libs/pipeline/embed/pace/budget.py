"""What a budget is asked and told, wherever it is kept."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, Self

from pipeline.embed.pace.valve import Valve, Window

# So far ahead a call may reserve its turn; who has to wait longer asks again.
AHEAD_SECONDS = 1.0
# What was not used may be made up for, this much of it.
BURST_SECONDS = 1.0
# A window ends when it tells enough, or is old; or at once, when hardly anything is accepted.
WINDOW_SECONDS, WINDOW_SECONDS_MAX = 4.0, 15.0
WINDOW_ANSWERS = 30
OVERRUN_ANSWERS, OVERRUN_SHARE = 25, 0.8
# After so many refusals in a row, over all processes, everybody waits as the endpoint asks. An
# endpoint that refuses by chance refuses two thirds while it is found out how much it allows; eight
# in a row are common then, and sixteen one in a thousand. Where it asks for long it means it.
HOLD_AFTER, HOLD_AFTER_LONG = 16, 3
LONG_SECONDS = 5.0
HOLD_SECONDS = 1.0  # where it does not say
# Nothing but an endpoint's own word lasts longer than this without calls.
FORGOTTEN_SECONDS = 3600
REQUESTS_FLOOR, TOKENS_FLOOR = 1 / 60, 100.0  # a second


class Kind(StrEnum):
    ACCEPTED = "accepted"
    TOO_MANY_REQUESTS = "requests"
    TOO_MANY_TOKENS = "tokens"
    BY_CHANCE = "chance"  # refused, and says that there is room


@dataclass(frozen=True, slots=True)
class Limits:
    """A second; None: learnt from the answers."""

    requests_first: float | None = None
    requests_max: float | None = None
    tokens_first: float | None = None
    tokens_max: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """How a call was answered. `tokens` are those of the answer, `expected` what it was let go
    for; limits a second, as its headers have them."""

    kind: Kind
    tokens: int
    expected: int
    retry_after: float | None = None
    requests_limit: float | None = None
    tokens_limit: float | None = None


@dataclass(frozen=True, slots=True)
class Valves:
    requests: Valve = field(default_factory=Valve)
    tokens: Valve = field(default_factory=Valve)


@dataclass(frozen=True, slots=True)
class Turn:
    """Go after `wait` seconds if the turn is `reserved`; else ask again then."""

    wait: float
    reserved: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """A window that ended with what was told; whoever gets it adjusts the valves."""

    requests: Window
    tokens: Window
    valves: Valves
    requests_limit: float | None
    tokens_limit: float | None

    @classmethod
    def of(
        cls,
        seconds: float,
        held: float,
        *,
        answers: int,
        requests: tuple[int, int],
        tokens: tuple[int, int],
        valves: Valves,
        limits: tuple[float | None, float | None],
    ) -> Self:
        """`requests`, `tokens`: units accepted, and answers that refused for their sake; only those
        are what a hold tells of."""

        def window(accepted: int, refused: int) -> Window:
            return Window(seconds, accepted, answers, refused, held if refused else 0.0)

        return cls(window(*requests), window(*tokens), valves, *limits)

    def adjusted(self, limits: Limits) -> Valves:
        return Valves(
            self.valves.requests.adjusted(
                self.requests,
                cap=_least(limits.requests_max, self.requests_limit),
                floor=REQUESTS_FLOOR,
            ),
            self.valves.tokens.adjusted(
                self.tokens,
                cap=_least(limits.tokens_max, self.tokens_limit),
                floor=TOKENS_FLOOR,
            ),
        )


class Budget(Protocol):
    async def take(self, tokens: int, *, urgent: bool) -> Turn:
        """One request with about so many tokens; `urgent` goes at once and is counted."""

    async def tell(self, told: Told) -> Closed | None: ...

    async def set(self, valves: Valves) -> None: ...


def first_valves(limits: Limits) -> Valves:
    return Valves(
        Valve(limits.requests_first or limits.requests_max),
        Valve(limits.tokens_first or limits.tokens_max),
    )


def hold_after(retry_after: float | None) -> int:
    return HOLD_AFTER_LONG if (retry_after or 0) >= LONG_SECONDS else HOLD_AFTER


def _least(*values: float | None) -> float | None:
    return min((value for value in values if value is not None), default=None)
