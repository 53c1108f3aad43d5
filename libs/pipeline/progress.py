"""How far an attempt is, written to the job at most once a second."""

import time

from db.engine import Sessions
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt

WRITE_EVERY_SECONDS = 1.0
# Before the last block is read the number of chunks is unknown: progress stays below this.
UNKNOWN_TOTAL_PERCENT = 50
# Counting and switching come after the last row.
ROWS_PERCENT = 95


class Progress:
    """`total` is set once the number of chunks is known."""

    def __init__(self, sessions: Sessions, attempt: Attempt) -> None:
        self._sessions = sessions
        self._attempt = attempt
        self._done = 0
        self._written_at = attempt.began
        self.total: int | None = None

    @property
    def percent(self) -> int:
        if self.total is not None:
            return ROWS_PERCENT * self._done // max(self.total, 1)
        # Halfway to the limit at a thousand chunks: it moves, and it never has to step back.
        return UNKNOWN_TOTAL_PERCENT * self._done // (self._done + 1000)

    async def advance(self, chunks: int) -> None:
        """Count finished chunks.

        Raises:
            FenceRaised: the job is no longer the attempt's.
        """
        self._done += chunks
        now = time.monotonic()
        if now - self._written_at < WRITE_EVERY_SECONDS:
            return
        self._written_at = now
        async with self._sessions.begin() as session:
            await JobRepository(session).progress(
                self._attempt.claim,
                stage=self._attempt.tally.stage or "",
                percent=self.percent,
                chunks_done=self._done,
                tokens=self._attempt.tally.tokens,
            )
