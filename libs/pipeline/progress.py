"""How far an attempt is: written to the job once a second at most, told to listeners more often."""

import time

from db.engine import Sessions
from db.repositories.breakers import BreakerRepository
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt
from pipeline.costs import Costs
from pipeline.course import Course
from pipeline.ticks import Tick, Ticks

WRITE_EVERY_SECONDS = 1.0
TICK_EVERY_SECONDS = 0.35


class Progress:
    """Tells what its `course` makes of what happens. All but `read` and `advance` return at once.

    These two raise FenceRaised when the job is no longer the attempt's.
    """

    def __init__(
        self, sessions: Sessions, attempt: Attempt, *, costs: Costs, ticks: Ticks, file_bytes: int
    ) -> None:
        self._sessions = sessions
        self._attempt = attempt
        self._ticks = ticks
        self._course = Course(costs, file_bytes)
        self._stored = 0
        self._written_at = attempt.began
        self._ticked_at = 0.0

    def cut(self, *, chunks: int) -> None:
        """So many chunks were cut so far."""
        self._course.cut = chunks

    def know(self, *, chunks: int) -> None:
        """All was read, and makes so many chunks."""
        self._course.total = chunks

    async def read(self, *, characters: int) -> None:
        """So many characters were read so far."""
        self._course.characters = characters
        await self._tell()

    async def advance(self, chunks: int, *, stored: int) -> None:
        """Count finished chunks, of which `stored` are news and the others were there already."""
        self._course.done += chunks
        self._stored += stored
        await self._tell()

    def tick(self) -> None:
        """Tell listeners where the attempt is, unless they were told just now."""
        now = time.monotonic()
        if now - self._ticked_at < TICK_EVERY_SECONDS:
            return
        self._ticked_at = now
        claim, tally = self._attempt.claim, self._attempt.tally
        self._ticks.offer(
            Tick(
                tenant_id=claim.tenant_id,
                dataset_id=claim.dataset_id,
                document_id=claim.document_id,
                job_id=claim.job_id,
                stage=tally.stage or "",
                percent=self._course.percent,
                chunks_done=self._course.done,
                tokens=tally.tokens,
                seconds_left=self._course.seconds_left(now - self._attempt.began),
            )
        )

    async def _tell(self) -> None:
        self.tick()
        now = time.monotonic()
        if now - self._written_at < WRITE_EVERY_SECONDS:
            return
        self._written_at = now
        async with self._sessions.begin() as session:
            await JobRepository(session).progress(
                self._attempt.claim,
                stage=self._attempt.tally.stage or "",
                percent=self._course.percent,
                chunks_done=self._course.done,
                seconds_left=self._course.seconds_left(now - self._attempt.began),
                got_further=self._stored > 0,
            )
            if self._stored:
                await BreakerRepository(session).close(self._attempt.answers())
