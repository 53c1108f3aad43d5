"""What a test or a bench can make go wrong, and what the server has done since it started.

Shares are drawn at random per request. `faults_left` bounds them, so that a test can say "the
next two answers fail, then all is well".
"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from embeddings_server.allowance import Allowance
from embeddings_server.quirks import QUIRKS, Quirks, Server, TooLargeAnswer
from embeddings_server.wire import INPUT_TOKENS_MAX, INPUTS_MAX, REQUEST_TOKENS_MAX, Limits


class Broken(StrEnum):
    """An answer with status 200 that no client should believe."""

    WRONG_COUNT = "wrong_count"
    WRONG_DIMENSIONS = "wrong_dimensions"
    NAN = "nan"
    ZERO = "zero"
    SHUFFLED = "shuffled"  # valid: the items come in another order, with their index
    EMPTY = "empty"
    MALFORMED_JSON = "malformed_json"
    TRUNCATED_BODY = "truncated_body"  # the connection closes in the middle


class Switches(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    latency_ms: float = Field(default=0, ge=0, le=600_000)
    slow_share: float = Field(default=0, ge=0, le=1)
    slow_ms: float = Field(default=5_000, ge=0, le=600_000)
    rate_limited_share: float = Field(default=0, ge=0, le=1)
    retry_after_seconds: float | None = Field(default=1, ge=0)
    server_error_share: float = Field(default=0, ge=0, le=1)
    broken_share: float = Field(default=0, ge=0, le=1)
    broken_kind: Broken = Broken.WRONG_COUNT
    faults_left: int | None = Field(default=None, ge=0)
    quota_exhausted: bool = False
    base64_rejected: bool = False
    poison: str = Field(default="", description="500 to every request with an input that has it")
    inputs_refused: bool = False  # 400 to everything, as a server set up wrongly does
    down: bool = Field(default=False, description="503 to everything but /_switches")
    inputs_max: int = Field(default=INPUTS_MAX, ge=1)
    input_tokens_max: int = Field(default=INPUT_TOKENS_MAX, ge=1)
    request_tokens_max: int = Field(default=REQUEST_TOKENS_MAX, ge=1)
    too_large_answer: TooLargeAnswer | None = None  # as the server does that is imitated
    imitates: Server = Server.OPENAI
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    burst_seconds: float | None = Field(default=None, gt=0, description="a minute if left out")
    tells_limits: bool = True  # by the x-ratelimit headers

    def changed(self, changes: dict[str, object]) -> Self:
        """These switches with the changes on top; `"reset": true` starts from the defaults."""
        start = type(self)() if changes.get("reset") is True else self
        members = {name: value for name, value in changes.items() if name != "reset"}
        return type(self).model_validate({**start.model_dump(), **members})

    @property
    def quirks(self) -> Quirks:
        return QUIRKS[self.imitates]

    @property
    def too_large(self) -> TooLargeAnswer:
        return self.too_large_answer or self.quirks.too_large

    @property
    def limits(self) -> Limits:
        return Limits(
            min(self.inputs_max, self.quirks.inputs_max or self.inputs_max),
            min(self.input_tokens_max, self.quirks.input_tokens_max or self.input_tokens_max),
            self.request_tokens_max,
        )

    def allowance(self) -> Allowance:
        return Allowance(
            requests_per_minute=self.requests_per_minute,
            tokens_per_minute=self.tokens_per_minute,
            burst_seconds=self.burst_seconds,
            tells=self.tells_limits,
        )


@dataclass(slots=True)
class Counters:
    """Since the start; `inputs` and `tokens` count only what was answered with vectors. `admitted`
    are the requests that the allowance had room for, `rate_limited` all that got a 429."""

    requests: int = 0
    admitted: int = 0
    rate_limited: int = 0
    answered: int = 0
    inputs: int = 0
    tokens: int = 0
    requests_in_flight: int = 0
    requests_in_flight_peak: int = 0
    largest_request_inputs: int = 0
    # Requests with images, or texts that are to find some.
    images_answered: int = 0
    image_inputs: int = 0
    image_tokens: int = 0


class SwitchBoard:
    """The switches in force, what is left of the allowance, and the draw of faults."""

    def __init__(self, random: Random) -> None:
        self.switches = Switches()
        self.allowance = self.switches.allowance()
        self.counters = Counters()
        self._random = random

    def change(self, changes: dict[str, object]) -> None:
        """Put the changes on top; the allowance begins anew."""
        self.switches = self.switches.changed(changes)
        self.allowance = self.switches.allowance()

    def strikes(self, share: float) -> bool:
        """Whether a fault with this share hits the request at hand; uses up `faults_left`."""
        left = self.switches.faults_left
        if share <= 0 or left == 0 or self._random.random() >= share:
            return False
        if left is not None:
            self.switches = self.switches.model_copy(update={"faults_left": left - 1})
        return True
