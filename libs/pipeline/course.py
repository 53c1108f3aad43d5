"""How far an attempt is and how long it may still take, by what it has read, cut and stored."""

import math
from dataclasses import dataclass

from pipeline.costs import Costs

# 100 is the switch's to say, in the transaction that makes the rows searchable.
PERCENT_MAX = 99
# A share that is a guess is not believed further than this, and creeps on from there.
GUESS_MAX = 0.8
# Before so much of the work is done, nothing can be said of the rest.
ESTIMATE_FROM_SECONDS = 1.0
ESTIMATE_FROM_SHARE = 0.03
SECONDS_LEFT_MAX = 7 * 24 * 3600


@dataclass(slots=True)
class Course:
    """Its parts weigh what they cost with files of this kind. `total` is the number of chunks, set
    once it is known; until then the characters read tell how far."""

    costs: Costs
    file_bytes: int
    characters: int = 0
    cut: int = 0
    done: int = 0
    total: int | None = None
    _percent: int = 0

    @property
    def share(self) -> float:
        """Of the attempt's time, from 0 to 1, that its work so far stands for."""
        costs, read = self.costs, self._read
        if self.total is not None:
            rows = self.done / max(self.total, 1)
        else:
            rows = read * self.done / max(self.cut, self.done, 1)
        fetched = 1.0 if self.characters or self.total is not None else 0.0
        return costs.fetch * fetched + costs.parse * read + costs.rows * rows

    @property
    def percent(self) -> int:
        """It never falls, even where a guess is mended."""
        self._percent = max(self._percent, min(int(100 * self.share), PERCENT_MAX))
        return self._percent

    def seconds_left(self, spent: float) -> int | None:
        """After `spent` seconds; None as long as too little is done to tell."""
        share = self.share
        if spent < ESTIMATE_FROM_SECONDS or share < ESTIMATE_FROM_SHARE:
            return None
        return min(math.ceil(spent * max(1 - share, 0.0) / share), SECONDS_LEFT_MAX)

    @property
    def _read(self) -> float:
        """Of the file's text."""
        if self.total is not None:
            return 1.0
        expected = max(self.file_bytes * self.costs.characters_per_byte, 1.0)
        guess = self.characters / expected
        if guess <= GUESS_MAX:
            return guess
        left = 1 - GUESS_MAX
        return 1 - left * math.exp((GUESS_MAX - guess) / left)
