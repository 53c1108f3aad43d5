"""What the parts of an attempt cost, as this process has measured it: they weigh its progress.

Files of one kind are alike: a scan spends its time in the parser, a text file at the embedder. So
each kind, by its suffix, has shares of its own, which every finished attempt moves a little.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

KINDS_MAX = 200
# Of what was known before, against one more attempt.
MEMORY = 0.8
# Attempts that took less say nothing.
SECONDS_MIN = 0.05


@dataclass(frozen=True, slots=True)
class Costs:
    """Shares of an attempt's time, which add up to 1, and the text that a byte of the file makes.

    `rows` is what embedding and storing keep an attempt waiting beyond the reading.
    """

    fetch: float
    parse: float
    rows: float
    verify: float
    characters_per_byte: float


# Measured with the sample files on the local stack; every kind is corrected after its first file.
TEXT = Costs(fetch=0.06, parse=0.05, rows=0.84, verify=0.05, characters_per_byte=1.0)
PACKED = Costs(fetch=0.06, parse=0.34, rows=0.55, verify=0.05, characters_per_byte=0.05)
TEXT_KINDS = frozenset({"", ".txt", ".md", ".csv", ".tsv", ".json", ".jsonl", ".html", ".xml"})


class CostBook:
    """What is known of each kind of file; of one process."""

    def __init__(self) -> None:
        self._kinds: dict[str, Costs] = {}

    def of(self, file_name: str) -> Costs:
        kind = _kind(file_name)
        return self._kinds.get(kind) or (TEXT if kind in TEXT_KINDS else PACKED)

    def learn(
        self,
        file_name: str,
        stage_seconds: Mapping[str, float],
        *,
        total_seconds: float,
        file_bytes: int,
        characters: int,
    ) -> None:
        """An attempt that did all the work has finished."""
        if total_seconds < SECONDS_MIN or file_bytes <= 0:
            return
        fetch, parse, verify = (
            min(stage_seconds.get(stage, 0.0) / total_seconds, 1.0)
            for stage in ("fetch", "parse", "verify")
        )
        rows = max(1.0 - fetch - parse - verify, 0.0)
        whole = fetch + parse + verify + rows
        known = self.of(file_name)
        seen = (fetch / whole, parse / whole, rows / whole, verify / whole)
        per_byte = max(characters / file_bytes, 1e-6)
        if len(self._kinds) >= KINDS_MAX:
            del self._kinds[next(iter(self._kinds))]
        self._kinds[_kind(file_name)] = Costs(
            fetch=_moved(known.fetch, seen[0]),
            parse=_moved(known.parse, seen[1]),
            rows=_moved(known.rows, seen[2]),
            verify=_moved(known.verify, seen[3]),
            characters_per_byte=_moved(known.characters_per_byte, per_byte),
        )


def _moved(known: float, seen: float) -> float:
    return MEMORY * known + (1 - MEMORY) * seen


def _kind(file_name: str) -> str:
    return PurePosixPath(file_name).suffix.lower()[:16]
