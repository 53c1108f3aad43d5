"""How patient the service is: tries, delays, time limits. Settings override the defaults."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """What an attempt may take, and what happens after it went wrong."""

    retry_delays: tuple[timedelta, ...] = (
        timedelta(seconds=60),
        timedelta(seconds=120),
        timedelta(seconds=240),
    )
    # Of an attempt at a small file; a large one is given more, below.
    soft_limit: timedelta = timedelta(minutes=50)  # an attempt with progress is released then
    hard_limit: timedelta = timedelta(hours=1)
    # Bytes a second at which any format is read, and rows of an earlier attempt are passed over, on
    # a busy machine: a third of what `bench/huge.py` measured for the slowest format.
    reading_rate: int = 500_000
    shutdown_grace: timedelta = timedelta(seconds=20)  # what a stopping worker gives its attempts
    dependency_patience: timedelta = timedelta(hours=24)
    dependency_delay_first: timedelta = timedelta(seconds=2)
    dependency_delay_max: timedelta = timedelta(minutes=2)
    purge_delay: timedelta = timedelta(seconds=30)  # a search begun before a switch ends by then
    removal_floor: int = 20  # unasked removals that need no second thought
    removal_share: float = 0.01
    removal_window: timedelta = timedelta(minutes=10)
    file_bytes_max: int = 5 * 1024**3
    chunks_max: int = 20_000_000  # the largest file is some nine million

    @property
    def tries_max(self) -> int:
        return 1 + len(self.retry_delays)

    @property
    def storing_min(self) -> timedelta:
        """How long an attempt may store new rows in any case, even if it took until the soft limit
        to pass over those of the attempts before it; well before the hard one."""
        left = max(self.hard_limit - self.soft_limit, timedelta(0))
        return min(left / 2, self.soft_limit / 10)

    def soft_limit_of(self, file_bytes: int) -> timedelta:
        """So late that an attempt gets past what the one before it has stored."""
        return self.soft_limit + self._reading_time(file_bytes)

    def hard_limit_of(self, file_bytes: int) -> timedelta:
        return self.hard_limit + self._reading_time(file_bytes)

    def _reading_time(self, file_bytes: int) -> timedelta:
        return timedelta(seconds=file_bytes / self.reading_rate)

    def dependency_delay(self, waits: int, asked: timedelta | None) -> timedelta:
        """Doubling with jitter, so that a thousand jobs do not come back at one moment.

        `asked` is what the dependency itself said (`Retry-After`); it is obeyed up to the maximum.
        """
        doubled = self.dependency_delay_first * (1 << min(waits, 16))
        delay = min(max(doubled, asked or timedelta(0)), self.dependency_delay_max)
        return delay * random.uniform(1.0, 1.5)  # noqa: S311  # jitter, not a secret
