"""Test switches: faults that the real service shows now and then, produced on demand.

They are set at `/_standin/faults`, live in memory only, and every counter counts down as it is
used, so a test cannot leave a fault behind for longer than it asked for. With none set, the
stand-in behaves well.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Counter = Literal[
    "pulls_to_fail",
    "pulls_to_lose",
    "acks_to_fail",
    "deliveries_to_repeat",
    "sends_to_duplicate",
    "sends_to_delay",
    "events_to_drop",
    "objects_to_fail",
    "downloads_to_cut",
    "downloads_to_slow",
]


class Faults(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    pulls_to_fail: int = Field(0, ge=0, description="pulls answered with fail_status")
    pulls_to_lose: int = Field(
        0, ge=0, description="pulls that lease messages, but whose answer is a 500"
    )
    acks_to_fail: int = Field(0, ge=0, description="acks answered with fail_status, not applied")
    fail_status: Literal[429, 500, 503] = 429
    retry_after_seconds: int = Field(1, ge=0, description="Retry-After sent with a 429 or 503")
    deliveries_to_repeat: int = Field(
        0, ge=0, description="messages that stay visible after a pull: the next pull repeats them"
    )
    sends_to_duplicate: int = Field(
        0, ge=0, description="messages stored twice, under different message ids"
    )
    sends_to_delay: int = Field(0, ge=0, description="messages that arrive late")
    send_delay_seconds: int = Field(5, ge=0, le=86_400)
    shuffle: bool = Field(False, description="messages of a batch come in random order")
    events_to_drop: int = Field(0, ge=0, description="R2 events that never reach the queue")
    objects_to_fail: int = Field(0, ge=0, description="R2 requests answered with object_status")
    object_status: Literal[429, 500, 503] = 503
    downloads_to_cut: int = Field(
        0, ge=0, description="object downloads that break off in the middle"
    )
    downloads_to_slow: int = Field(
        0, ge=0, description="object downloads that stop for download_pause_seconds in the middle"
    )
    download_pause_seconds: float = Field(5, ge=0, le=600)


class FaultBoard:
    def __init__(self) -> None:
        self.current = Faults()

    def take(self, counter: Counter, at_most: int = 1) -> int:
        """Use up to that many of a fault; how many there were."""
        left: int = getattr(self.current, counter)
        taken = min(left, at_most)
        if taken:
            setattr(self.current, counter, left - taken)
        return taken
