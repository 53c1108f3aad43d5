"""The sampler: every ten seconds it notes for each tenant what waits, what runs and what was done.

Any number of pollers run one; an advisory lock lets one of them take each sample.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories.samples import COARSER, FINEST, STEPS, SampleRepository, Step

log = structlog.get_logger(__name__)

# A job that finished at a sample's end may be committed a moment later.
SETTLED_AFTER = timedelta(seconds=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# It counts what waits, so the longer that takes the rarer it is: a hundredth of the time at most.
SHARE = 100
# Ten minutes of the finest. What was missed for longer is a gap in the hour's curve; the day's is
# whole all the same.
LATE_MAX = 60


class Sampler:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._taken: dict[Step, datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        spent = 0.0
        while not stop.is_set():
            began, before = time.monotonic(), spent
            try:
                await self.sample()
            except (SQLAlchemyError, OSError) as error:
                log.warning("sampler.failed", error=type(error).__name__)
            except Exception as error:
                # The other parts of the poller must not end with this one.
                log.exception("sampler.unexpected_error", error=type(error).__name__)
            spent = time.monotonic() - began
            try:
                await asyncio.wait_for(stop.wait(), pause_seconds(spent, before))
            except TimeoutError:
                continue

    async def sample(self, *, now: datetime | None = None) -> None:
        """Take the samples that are due, those that were missed since the last one among them;
        after a start only the latest."""
        async with self._sessions.begin() as session:
            samples = SampleRepository(session)
            if not await samples.lead():
                return
            settled = (now or await samples.now()) - SETTLED_AFTER
            ends = {step: _end(step, settled) for step in STEPS}
            for end in self._due(FINEST, ends[FINEST]):
                if end < ends[FINEST]:
                    await samples.take_late(end)
                else:
                    await samples.take(end)
            for finer, step in zip(STEPS, COARSER, strict=False):
                for end in self._due(step, ends[step]):
                    await samples.thin(step, finer, end)
        self._taken = ends

    def _due(self, step: Step, last: datetime) -> list[datetime]:
        """The ends that are not taken yet, oldest first."""
        taken = self._taken.get(step, last - step.length)
        missed = min((last - taken) // step.length, LATE_MAX)
        return [last - step.length * back for back in reversed(range(missed))]


def pause_seconds(spent: float, before: float) -> float:
    """Until the next look, after two that took so long. One slow look says little: the first of a
    process makes its connection, and would cost a newcomer the first minute of the curves."""
    return max(FINEST.length.total_seconds() / 2, SHARE * min(spent, before))


def _end(step: Step, time_: datetime) -> datetime:
    """When the latest step ended."""
    return EPOCH + (time_ - EPOCH) // step.length * step.length
