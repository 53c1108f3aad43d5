"""What a run says in the end."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from .differences import Differences
from .measures import Embedded, Ending, Takeover

SHOWN = 12  # lines of one kind
INJECTED_SHARE_MIN = 0.5  # the others found nothing to strike, or a server that was down already


@dataclass
class Report:
    seed: int
    files: int
    operations: int
    planned: int
    acknowledged: int = 0
    retries: int = 0
    injected: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    ended_by_themselves: list[str] = field(default_factory=list)
    jobs: int = 0
    endings: list[Ending] = field(default_factory=list)
    garbage: int = 0
    quarantined: int = 0
    embedded_quietly: Embedded = field(default_factory=lambda: Embedded(0, 0))
    embedded_in_chaos: Embedded = field(default_factory=lambda: Embedded(0, 0))
    takeovers: list[Takeover] = field(default_factory=list)
    recovery_seconds: float = 0
    clean_seconds: float = 0
    orphans: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    differences: Differences = field(default_factory=Differences)
    histories: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """A run that hardly any fault struck shows nothing."""
        struck = len(self.injected) >= INJECTED_SHARE_MIN * self.planned
        return struck and not (self.differences or self.orphans or self.stuck)

    def lines(self) -> Iterator[str]:
        found = self.differences
        kinds = ", ".join(f"{kind} {n}" for kind, n in sorted(Counter(self.injected).items()))
        yield f"== seed {self.seed}: {'the same as in quiet' if self.ok else 'DIFFERENT'}"
        yield f"faults      {len(self.injected)} of {self.planned} ({kinds})"
        yield from _some("missed     ", self.missed)
        yield from _some("ended alone", self.ended_by_themselves)
        yield (
            f"work        {self.files} files, {self.acknowledged} of {self.operations} operations "
            f"({self.retries} requests made again), {self.jobs} jobs, "
            f"{sum(ending.attempts for ending in self.endings)} attempts"
        )
        for ending in self.endings:
            yield (
                f"attempts    {ending.attempts} {ending.outcome}"
                f"{f' ({ending.error_code})' if ending.error_code else ''}: "
                f"{ending.embedded} chunks embedded, {ending.reused} found"
            )
        yield f"messages    {self.garbage} undecodable sent, {self.quarantined} in quarantine"
        yield (
            f"result      lost {len(found.lost)}, doubled {len(found.doubled)}, "
            f"orphaned {len(self.orphans)}, changed {len(found.changed)}, "
            f"documents {len(found.documents)}, search {len(found.search)}, "
            f"stuck {len(self.stuck)}"
        )
        quiet, chaos = self.embedded_quietly, self.embedded_in_chaos
        yield (
            f"embedded    {chaos.answered} texts, {chaos.different} different, "
            f"{chaos.repeated_share:.1%} again (in quiet {quiet.answered}, {quiet.different}, "
            f"{quiet.repeated_share:.1%})"
        )
        yield (
            f"recovery    {self.recovery_seconds:.0f} s after the last fault, "
            f"old rows gone after {self.clean_seconds:.0f} s"
        )
        if self.takeovers:
            longest = self.takeovers[0]
            middle = self.takeovers[len(self.takeovers) // 2]
            noticed = max(each.noticed for each in self.takeovers)
            unexcused = max(each.unexcused for each in self.takeovers)
            yield (
                f"takeover    {len(self.takeovers)} jobs of killed workers; queued again after "
                f"{noticed:.1f} s at most, at work again after {middle.seconds:.1f} s (median), "
                f"{longest.seconds:.1f} s (longest, {longest.object_key}), "
                f"{unexcused:.1f} s at most while every dependency was up"
            )
        for title, entries in (
            ("lost", found.lost), ("doubled", found.doubled), ("changed", found.changed),
            ("search", found.search), ("document", found.documents), ("orphan", self.orphans),
            ("stuck", self.stuck),
        ):  # fmt: skip
            yield from _some(title, entries)
        for name, history in list(self.histories.items())[:SHOWN]:
            yield f"-- {name}"
            yield from history


def _some(title: str, entries: list[str]) -> Iterator[str]:
    for entry in entries[:SHOWN]:
        yield f"{title}  {entry}"
    if len(entries) > SHOWN:
        yield f"{title}  and {len(entries) - SHOWN} more"
