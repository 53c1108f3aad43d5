"""What must hold of jobs, attempts and documents after every command, whatever came before."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from db.engine import Sessions
from db.models import Outcome, Status
from pipeline.policy import Policy

Rows = Mapping[str, Mapping[str, Any]]

TRIES_MAX = Policy().tries_max
UNFINISHED = (Status.QUEUED, Status.PROCESSING)
FINISHED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)

# The picture in ARCHITECTURE.md: which commands may move a job along which arrow.
ARROWS: dict[tuple[str, str], set[str]] = {
    (Status.QUEUED, Status.PROCESSING): {"claim"},
    (Status.QUEUED, Status.CANCELLED): {"cancel"},
    (Status.PROCESSING, Status.CANCELLED): {"cancel"},
    (Status.PROCESSING, Status.COMPLETED): {"step"},
    (Status.PROCESSING, Status.FAILED): {"fail", "retry_later", "lapse"},
    (Status.PROCESSING, Status.QUEUED): {
        *("step", "fail", "retry_later", "wait", "hold_removal", "release", "lapse"),
        *("delete_document", "upkeep"),
        *("upload", "event", "say_complete", "audit"),  # news for a deleted dataset
    },
    (Status.FAILED, Status.QUEUED): {"retry"},
    (Status.CANCELLED, Status.QUEUED): {"retry"},
}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows that the commands may change, by their ids, as Postgres writes them in JSON."""

    jobs: Rows
    attempts: Rows
    documents: Rows


_ALL = text(
    """select json_build_object(
        'jobs', (select coalesce(json_object_agg(id, to_json(jobs)), '{}') from jobs),
        'attempts', (select coalesce(json_object_agg(id, to_json(attempts)), '{}') from attempts),
        'documents', (select coalesce(json_object_agg(id, to_json(documents)), '{}') from documents)
    )::text"""
)


async def take_snapshot(sessions: Sessions) -> Snapshot:
    """One statement, and no transaction around it: this is most of what the test does."""
    async with sessions() as session:
        await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        return Snapshot(**json.loads(await session.scalar(_ALL) or ""))


def check_rows(now: Snapshot) -> None:
    """What holds of a state, however it was reached."""
    unfinished = Counter(
        job["document_id"] for job in now.jobs.values() if job["status"] in UNFINISHED
    )
    assert max(unfinished.values(), default=0) <= 1
    running = Counter(
        attempt["job_id"]
        for attempt in now.attempts.values()
        if attempt["outcome"] == Outcome.RUNNING
    )
    for job_id, job in now.jobs.items():
        processing = job["status"] == Status.PROCESSING
        assert job["status"] in (*UNFINISHED, *FINISHED)
        assert (job["lease_until"] is not None) == processing
        assert (job["worker"] is not None) == processing
        assert (job["finished_at"] is not None) == (job["status"] in FINISHED)
        assert 0 <= job["tries"] <= TRIES_MAX
        assert job["lapses"] >= 0
        assert job["waiting_for"] is None or job["status"] == Status.QUEUED
        assert running[job_id] == int(processing)
    for document in now.documents.values():
        if document["removed_at"] is not None:
            assert document["live_generation"] is None
        if document["deleted_at"] is not None:
            assert document["live_generation"] is None
        assert (document["live_generation"] or 0) <= document["generation"]


def check_step(before: Snapshot, now: Snapshot, command: str) -> None:
    """What holds of a move from one state to the next."""
    for job_id, old in before.jobs.items():
        new = now.jobs[job_id]
        moved = (old["status"], new["status"])
        if moved[0] != moved[1]:
            assert command in ARROWS.get(moved, ()), f"{command} moved a job {moved}"
        assert new["fence"] >= old["fence"]
        if moved[0] == Status.PROCESSING and command in ("cancel", "lapse", "delete_document"):
            assert moved[1] == Status.PROCESSING or new["fence"] > old["fence"]
    for document_id, old in before.documents.items():
        assert now.documents[document_id]["generation"] >= old["generation"]
