"""How far an attempt is, written to the job at most once a second."""

import time

from db.engine import Sessions
from db.repositories.breakers import BreakerRepository
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt

WRITE_EVERY_SECONDS = 1.0
# While blocks are still being read the total is a guess by the share of the file that was read.
GUESS_PERCENT_MAX = 90
# Counting and switching come after the last row.
ROWS_PERCENT = 95


class Progress:
    """`total` is set once the number of chunks is known; until then `characters` tells how far."""

    def __init__(self, sessions: Sessions, attempt: Attempt, *, file_bytes: int) -> None:
        self._sessions = sessions
        self._attempt = attempt
        self._done = 0
        self._stored = 0
        self._written_at = attempt.began
        self._file_bytes = max(file_bytes, 1)
        self._cut = 0
        self._characters = 0
        self.total: int | None = None

    def cut(self, *, chunks: int, characters: int) -> None:
        """So many chunks were cut so far, from so many characters."""
        self._cut, self._characters = chunks, characters

    @property
    def percent(self) -> int:
        if self.total is not None:
            return ROWS_PERCENT * self._done // max(self.total, 1)
        # Right for text, too low for what is packed, and never above what is done.
        read = min(self._characters / self._file_bytes, 1.0)
        return int(GUESS_PERCENT_MAX * read * self._done / max(self._cut, self._done, 1))

    async def advance(self, chunks: int, *, stored: int) -> None:
        """Count finished chunks, of which `stored` are news and the others were there already.

        Raises:
            FenceRaised: the job is no longer the attempt's.
        """
        self._done += chunks
        self._stored += stored
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
                got_further=self._stored > 0,
            )
            if self._stored:
                await BreakerRepository(session).close(self._attempt.answers())
