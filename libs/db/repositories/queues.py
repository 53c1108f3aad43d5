"""What waits and for what, as a tenant sees it; and what is announced, of all tenants."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Job, Status, Tenant
from db.repositories.announcing import IS_QUEUED
from db.repositories.pauses import held_back

# Of one tenant; counting more takes too long for a page that asks every few seconds.
COUNTED_MAX = 100_000
WINDOW = timedelta(minutes=1)
READY = "ready"  # a worker that is free
PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Announced:
    """Jobs that were announced and that nobody has begun yet; the oldest for so long."""

    jobs: int
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """Queued jobs by what they wait for, and those at work."""

    queued: Mapping[str, int]
    processing: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """Of the latest minute."""

    jobs: int
    chunks: int


class QueueRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def announced(self) -> dict[bool, Announced]:
        """By whether they are large."""
        rows = await self._session.execute(
            select(
                Job.large,
                func.count(),
                func.extract("epoch", func.now() - func.min(Job.announced_at)),
            )
            .where(IS_QUEUED, Job.announced_at.is_not(None))
            .group_by(Job.large)
        )
        return {
            large: Announced(jobs, None if seconds is None else float(seconds))
            for large, jobs, seconds in rows
        }

    async def backlog(self, tenant_id: UUID) -> Backlog:
        """Up to COUNTED_MAX of the queued ones."""
        waits_for = case((held_back(), PAUSE), else_=func.coalesce(Job.waiting_for, READY))
        some = (
            select(waits_for.label("waits_for"))
            .select_from(Job)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .join(Tenant, Tenant.id == Job.tenant_id)
            .where(Job.tenant_id == tenant_id, Job.status == Status.QUEUED)
            .limit(COUNTED_MAX)
            .subquery()
        )
        rows = await self._session.execute(
            select(some.c.waits_for, func.count()).group_by(some.c.waits_for)
        )
        processing = await self._session.scalar(
            select(func.count())
            .select_from(Job)
            .where(Job.tenant_id == tenant_id, Job.status == Status.PROCESSING)
        )
        return Backlog(dict(iter(rows)), processing or 0)

    async def throughput(self, tenant_id: UUID) -> Throughput:
        row = (
            await self._session.execute(
                select(func.count(), func.coalesce(func.sum(Job.chunks_done), literal(0))).where(
                    Job.tenant_id == tenant_id,
                    Job.status == Status.COMPLETED,
                    Job.finished_at > func.now() - WINDOW,
                )
            )
        ).one()
        return Throughput(row[0], int(row[1]))
