"""Orders to many jobs: batch after batch, each in a transaction of its own, until the time is up.

So no lock is held for long, a worker that finishes waits for one batch at most, and what one
request cannot do is left to the next.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from api.auth import Caller
from db.engine import Sessions
from db.models import Status
from db.repositories.audit_log import AuditLogRepository
from db.repositories.bulk import BulkRepository, Pace
from db.repositories.job_history import JobFilter

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Cancelled:
    jobs: int
    remaining: int


@dataclass(frozen=True, slots=True)
class Retried:
    """`matched` jobs are `jobs` that were queued, those `skipped`, and those `remaining`."""

    matched: int
    jobs: int
    skipped: int
    remaining: int
    last_due_at: datetime | None


class Orders:
    """What one caller orders in one request, for which it has `time`."""

    def __init__(self, sessions: Sessions, caller: Caller, *, time: timedelta) -> None:
        self._sessions = sessions
        self._caller = caller
        self._deadline = monotonic() + time.total_seconds()

    async def count_cancellable(self, wanted: JobFilter) -> int:
        async with self._sessions() as session:
            return await BulkRepository(session, self._caller.tenant_id).cancellable(wanted)

    async def cancel(self, wanted: JobFilter, *, target: UUID) -> Cancelled:
        """Cancel what matches; first what is at work, for that may cost money.

        Every batch is noted in the audit log, for the thing with the id `target`.
        """
        phases = [wanted]
        if wanted.status is None:
            phases.insert(0, replace(wanted, status=Status.PROCESSING))
        jobs = 0
        for phase in phases:
            async for done in self._cancel(phase, target):
                jobs += done
        return Cancelled(jobs, await self.count_cancellable(wanted))

    async def count_retryable(self, wanted: JobFilter) -> tuple[int, int]:
        """How many jobs match, and how many of them would be queued."""
        async with self._sessions() as session:
            return await BulkRepository(session, self._caller.tenant_id).retryable(wanted)

    async def retry(
        self,
        wanted: JobFilter,
        *,
        target: UUID,
        per_minute: int | None,
        begin_at: datetime | None,
    ) -> Retried:
        """Queue what matches, the newest failures first, spread over time if there is a pace."""
        matched, _ = await self.count_retryable(wanted)
        pace, last_id, jobs, more = None, None, 0, True
        while more and (pace is None or self._in_time()):
            async with self._sessions.begin() as session:
                bulk = BulkRepository(session, self._caller.tenant_id)
                if pace is None:
                    now = await bulk.now()
                    pace = Pace(max(now, begin_at or now), per_minute)
                batch = await bulk.retry(
                    wanted, before=last_id, limit=BATCH, pace=pace, number=jobs
                )
                self._note(session, "jobs.retried", target, wanted, batch.done)
            jobs += batch.done
            last_id, more = batch.last_id, batch.last_id is not None
        _, remaining = await self.count_retryable(wanted)
        last_due_at = None if pace is None or not jobs else pace.due(jobs - 1)
        skipped = max(matched - jobs - remaining, 0)
        return Retried(matched, jobs, skipped, remaining, last_due_at)

    async def _cancel(self, wanted: JobFilter, target: UUID) -> AsyncIterator[int]:
        last_id, more = None, True
        while more and self._in_time():
            async with self._sessions.begin() as session:
                bulk = BulkRepository(session, self._caller.tenant_id)
                batch = await bulk.cancel(wanted, after=last_id, limit=BATCH)
                self._note(session, "jobs.cancelled", target, wanted, batch.done)
            last_id, more = batch.last_id, batch.last_id is not None
            yield batch.done

    def _in_time(self) -> bool:
        return monotonic() < self._deadline

    def _note(self, session: Any, action: str, target: UUID, wanted: JobFilter, done: int) -> None:
        if done:
            AuditLogRepository(session).record(
                self._caller, action, target, jobs=done, filter=wanted.described()
            )
