"""How far an attempt is: written to the job once a second at most, told to listeners more often.

An attempt's parts weigh what they cost with files of this kind (`costs.py`). It never says 100:
that is the switch's, in the transaction that makes the rows searchable.
"""

import math
import time

from db.engine import Sessions
from db.repositories.breakers import BreakerRepository
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt
from pipeline.costs import Costs
from pipeline.ticks import Tick, Ticks

WRITE_EVERY_SECONDS = 1.0
TICK_EVERY_SECONDS = 0.35
# Counting and switching come after the last row.
PERCENT_MAX = 99
# A share that is a guess is not believed further than this, and creeps on from there.
GUESS_MAX = 0.8
# Before so much of the work is done, nothing can be said of the rest.
ESTIMATE_FROM_SECONDS = 1.0
ESTIMATE_FROM_SHARE = 0.03
SECONDS_LEFT_MAX = 7 * 24 * 3600


class Progress:
    """`total` is set once the number of chunks is known; until then the text read tells how far."""

    def __init__(
        self, sessions: Sessions, attempt: Attempt, *, costs: Costs, ticks: Ticks, file_bytes: int
    ) -> None:
        self._sessions = sessions
        self._attempt = attempt
        self._costs = costs
        self._ticks = ticks
        self._characters_expected = max(file_bytes * costs.characters_per_byte, 1.0)
        self._done = 0
        self._stored = 0
        self._cut = 0
        self._characters = 0
        self._percent = 0
        self._written_at = self._ticked_at = attempt.began
        self.total: int | None = None

    @property
    def share(self) -> float:
        """Of the attempt's time, from 0 to 1, that its work so far stands for."""
        costs, read = self._costs, self._read
        if self.total is not None:
            rows = self._done / max(self.total, 1)
        else:
            rows = read * self._done / max(self._cut, self._done, 1)
        fetched = 1.0 if self._characters or self.total is not None else 0.0
        return costs.fetch * fetched + costs.parse * read + costs.rows * rows

    @property
    def percent(self) -> int:
        """It never falls."""
        self._percent = max(self._percent, min(int(100 * self.share), PERCENT_MAX))
        return self._percent

    @property
    def seconds_left(self) -> int | None:
        """None as long as too little is done to tell."""
        spent, share = time.monotonic() - self._attempt.began, self.share
        if spent < ESTIMATE_FROM_SECONDS or share < ESTIMATE_FROM_SHARE:
            return None
        return min(math.ceil(spent * (1 - share) / share), SECONDS_LEFT_MAX)

    @property
    def _read(self) -> float:
        """Of the file's text."""
        if self.total is not None:
            return 1.0
        guess = self._characters / self._characters_expected
        if guess <= GUESS_MAX:
            return guess
        left = 1 - GUESS_MAX
        return 1 - left * math.exp((GUESS_MAX - guess) / left)

    def cut(self, *, chunks: int) -> None:
        """So many chunks were cut so far."""
        self._cut = chunks

    async def read(self, *, characters: int) -> None:
        """So many characters were read so far; raises as `advance` does."""
        self._characters = characters
        await self._tell()

    async def advance(self, chunks: int, *, stored: int) -> None:
        """Count finished chunks, of which `stored` are news and the others were there already.

        Raises:
            FenceRaised: the job is no longer the attempt's.
        """
        self._done += chunks
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
                percent=self.percent,
                chunks_done=self._done,
                tokens=tally.tokens,
                seconds_left=self.seconds_left,
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
                percent=self.percent,
                chunks_done=self._done,
                tokens=self._attempt.tally.tokens,
                seconds_left=self.seconds_left,
                got_further=self._stored > 0,
            )
            if self._stored:
                await BreakerRepository(session).close(self._attempt.answers())
