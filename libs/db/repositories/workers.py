"""Worker processes as they say of themselves, and what each has in its hands."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Attempt, Document, Job, Outcome, Status, Worker

# A worker says something every five seconds.
GONE_AFTER = timedelta(seconds=20)
FORGOTTEN_AFTER = timedelta(days=1)
LISTED_MAX = 1_000
JOBS_MAX = 5_000  # that are shown of all workers together


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a worker process says of itself. Memory and processor time with its children."""

    name: str
    host: str
    pid: int
    parent: int
    version: str
    age: timedelta
    threads: int
    busy: int
    memory_bytes: int
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class WorkerRow:
    worker: Worker
    live: bool


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """What a worker has in its hands since then."""

    worker: str
    job_id: UUID
    file_name: str
    stage: str | None
    percent: int
    since: datetime


class WorkerRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def beat(self, vitals: Vitals, *, born: datetime | None) -> datetime:
        """Note what a worker says; returns when it was born, to be given the next time.

        It was restarted once more than those before it that had its name, as in a container, or
        the same process to start them anew.
        """
        started_at = func.now() - vitals.age if born is None else born
        values: dict[str, Any] = {
            "name": vitals.name,
            "host": vitals.host,
            "pid": vitals.pid,
            "parent": vitals.parent,
            "version": vitals.version,
            "threads": vitals.threads,
            "busy": vitals.busy,
            "memory_bytes": vitals.memory_bytes,
            "cpu_percent": vitals.cpu_percent,
        }
        before = (
            select(func.coalesce(func.max(Worker.restarts) + 1, 0))
            .where(
                Worker.host == vitals.host,
                Worker.parent == vitals.parent,
                Worker.name != vitals.name,
                Worker.stopped_at.is_not(None),
            )
            .scalar_subquery()
        )
        added = insert(Worker).values(started_at=started_at, restarts=before, **values)
        is_same = Worker.started_at == added.excluded.started_at
        kept = added.on_conflict_do_update(
            index_elements=["name"],
            set_={
                **values,
                "started_at": added.excluded.started_at,
                "restarts": case(
                    (is_same, Worker.restarts),
                    else_=func.greatest(Worker.restarts + 1, added.excluded.restarts),
                ),
                "seen_at": func.now(),
                "stopped_at": None,
            },
        ).returning(Worker.started_at)
        return (await self._session.execute(kept)).scalar_one()

    async def goodbye(self, name: str) -> None:
        worker = await self._session.get(Worker, name)
        if worker is not None:
            worker.stopped_at = func.now()
            worker.busy = 0

    async def all(self) -> list[WorkerRow]:
        """Those that live first, then by name."""
        live = and_(Worker.stopped_at.is_(None), Worker.seen_at > func.now() - GONE_AFTER)
        rows = await self._session.execute(
            select(Worker, live).order_by(live.desc(), Worker.name).limit(LISTED_MAX)
        )
        return [WorkerRow(worker, is_live) for worker, is_live in rows]

    async def jobs(self, tenant_id: UUID) -> list[WorkerJob]:
        """What all workers have in their hands of this tenant's."""
        rows = await self._session.execute(
            select(
                Job.worker, Job.id, Document.file_name, Job.stage, Job.progress, Attempt.started_at
            )
            .join(Document, Document.id == Job.document_id)
            .join(Attempt, and_(Attempt.job_id == Job.id, Attempt.fence == Job.fence))
            .where(
                Job.tenant_id == tenant_id,
                Job.status == Status.PROCESSING,
                Job.worker.is_not(None),
                Attempt.outcome == Outcome.RUNNING,
            )
            .order_by(Attempt.started_at)
            .limit(JOBS_MAX)
        )
        return [
            WorkerJob(worker or "", job_id, file_name, stage, percent, since)
            for worker, job_id, file_name, stage, percent, since in rows
        ]

    async def forget(self, limit: int) -> None:
        """Delete those that are gone for a day."""
        long_gone = (
            select(Worker.name)
            .where(
                or_(
                    Worker.seen_at < func.now() - FORGOTTEN_AFTER,
                    Worker.stopped_at < func.now() - FORGOTTEN_AFTER,
                )
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        await self._session.execute(delete(Worker).where(Worker.name.in_(long_gone)))
