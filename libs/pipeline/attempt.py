"""One attempt at a job: its lease, its limits and what it has done so far."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from db.repositories.claims import Claim
from db.repositories.documents import Target
from db.repositories.jobs import AttemptTally
from pipeline.errors import Dependency, Interrupted
from pipeline.lease import Lease
from pipeline.policy import Policy
from pipeline.precedence import Precedence


@dataclass(slots=True, eq=False)
class Attempt:
    lease: Lease
    target: Target
    policy: Policy
    stopping: asyncio.Event  # set when the process wants to end
    tally: AttemptTally = field(default_factory=AttemptTally)
    # Set unless it goes first itself.
    precedence: Precedence | None = None
    etag: str | None = None  # the object version that it looked at
    file_bytes: int = 0  # the size of that version
    rows_stored: int = 0  # new ones; those that it found are no progress
    stored_first: float | None = None  # when it stored the first of them, on the monotonic clock
    # What has done what it should, and when it did so last, on the monotonic clock.
    _answered: dict[Dependency, float] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def claim(self) -> Claim:
        return self.lease.claim

    def answered(self, dependency: Dependency) -> None:
        """Note that it did just now what it should."""
        self._answered[dependency] = time.monotonic()

    def answers(self) -> dict[str, timedelta]:
        """How long ago each dependency answered last."""
        now = time.monotonic()
        return {each: timedelta(seconds=now - at) for each, at in self._answered.items()}

    def check(self) -> None:
        """Call between steps, and before anything that others can see.

        Raises:
            LeaseLost: the job is cancelled or somebody else's.
            Interrupted: the process stops, the dataset is paused, or the soft limit passed and it
                has stored new rows for a while: they stay, and the next attempt goes on from there.
        """
        self.lease.check()
        if self.stopping.is_set():
            raise Interrupted("The worker is stopping.")
        if self.lease.paused.is_set():
            raise Interrupted("The dataset is paused.")
        if self.stored_first is None:
            return
        now = time.monotonic()
        is_late = now - self.began > self.policy.soft_limit_of(self.file_bytes).total_seconds()
        # One that has only just got past the rows of those before it would be released for nothing.
        if is_late and now - self.stored_first > self.policy.storing_min.total_seconds():
            raise Interrupted("The soft time limit of an attempt passed.")

    def stored(self, rows: int) -> None:
        """Count rows that are new in the store."""
        self.rows_stored += rows
        if self.stored_first is None:
            self.stored_first = time.monotonic()

    async def overdue(self) -> None:
        """Return once the hard limit has passed, which grows when the file's size gets known."""
        while True:
            end = self.began + self.policy.hard_limit_of(self.file_bytes).total_seconds()
            if (left := end - time.monotonic()) <= 0:
                return
            await asyncio.sleep(left)

    async def step(self) -> None:
        """Begin the next step: let those pass who go first, then `check`."""
        if self.precedence is not None:
            await self.precedence.let_pass()
        self.check()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the seconds spent in a stage; stages that overlap each count their own."""
        self.tally.stage = name
        began = time.monotonic()
        with structlog.contextvars.bound_contextvars(stage=name):
            try:
                yield
            finally:
                self.spent(name, time.monotonic() - began)

    def spent(self, name: str, seconds: float) -> None:
        """Count seconds of a stage that is no block of code."""
        stages = self.tally.stage_seconds
        stages[name] = round(stages.get(name, 0.0) + seconds, 3)
