"""What a run took: attempts, embedded texts, the time until a dead worker's work went on."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from embeddings_server.ledger import text_hash
from pipeline.embed.client import CANARY

from .outages import Outages
from .snapshot import Observer

ATTEMPTS = """
    select a.job_id, a.number, a.worker, a.outcome, d.object_key,
           extract(epoch from a.started_at)::float as started,
           extract(epoch from a.finished_at)::float as finished,
           j.reason, j.status
    from attempts a join jobs j on j.id = a.job_id join documents d on d.id = j.document_id
    order by a.job_id, a.number
"""


@dataclass(frozen=True)
class Embedded:
    """Texts that the embedder answered."""

    answered: int
    different: int

    @property
    def repeated_share(self) -> float:
        return (self.answered - self.different) / max(1, self.different)


def embedded(ledger: Path, since: int) -> Embedded:
    """What was written to the ledger from that byte on, canaries left out."""
    with ledger.open("rb") as file:
        file.seek(since)
        hashes = Counter(file.read().decode().split())
    del hashes[text_hash(CANARY)]
    return Embedded(hashes.total(), len(hashes))


@dataclass(frozen=True)
class Takeover:
    """An attempt whose worker was killed, and the next attempt at its job.

    `noticed`: seconds until the job was back in the queue; `seconds`: until another attempt began;
    `unexcused`: the same but for the time in which a dependency was known to be down, for then no
    job that needs it may begin.
    """

    noticed: float
    seconds: float
    unexcused: float
    object_key: str
    job_id: str


async def takeovers(
    observer: Observer, deaths: dict[int, float], host: str, outages: Outages
) -> list[Takeover]:
    """Longest first. A job that was ended meanwhile by a client's command has none."""
    rows = await observer.query(ATTEMPTS)
    following = {(row["job_id"], row["number"]): row for row in rows}
    found = []
    for row in rows:
        machine, _, pid = row["worker"].rpartition(":")
        died = deaths.get(int(pid)) if machine == host and pid.isdigit() else None
        if died is None or row["started"] > died:
            continue
        if row["finished"] is not None and row["finished"] <= died:
            continue
        later = following.get((row["job_id"], row["number"] + 1))
        if later is not None:
            noticed = (row["finished"] or later["started"]) - died
            seconds = later["started"] - died
            unexcused = seconds - outages.seconds_within(died, later["started"])
            found.append(
                Takeover(noticed, seconds, unexcused, row["object_key"], str(row["job_id"]))
            )
    return sorted(found, key=lambda takeover: -takeover.seconds)


@dataclass(frozen=True)
class Ending:
    """Attempts that ended alike, and how many chunks they had embedded and found."""

    outcome: str
    error_code: str | None
    attempts: int
    embedded: int
    reused: int


async def endings(observer: Observer) -> list[Ending]:
    """Most frequent first."""
    rows = await observer.query(
        "select outcome, error_code, count(*) as attempts, sum(chunks_embedded) as embedded,"
        " sum(chunks_reused) as reused from attempts group by 1, 2 order by 3 desc"
    )
    return [Ending(**dict(row)) for row in rows]
