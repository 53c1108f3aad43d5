"""Who holds a job: the claim, the lease that is renewed, and what a pause asks back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Attempt, Dataset, Document, Event, Job, Status, Tenant
from db.repositories.pauses import held_back


@dataclass(frozen=True, slots=True)
class Claim:
    """A job leased to one attempt; `fence` is what its writes must carry."""

    job_id: UUID
    fence: int
    attempt: int
    tries: int
    tenant_id: UUID
    dataset_id: UUID
    document_id: UUID


@dataclass(frozen=True, slots=True)
class Prospect:
    """A queued job: how often a lease of it ran out, and how large its file was said to be."""

    lapses: int
    file_bytes: int | None


class ClaimRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def prospect(self, job_id: UUID) -> Prospect | None:
        """What is known before the claim; None if the job is not queued."""
        row = (
            await self._session.execute(
                select(Job.lapses, Document.size)
                .join(Document, Document.id == Job.document_id)
                .where(Job.id == job_id, Job.status == Status.QUEUED)
            )
        ).one_or_none()
        return None if row is None else Prospect(*row)

    async def claim(self, job_id: UUID, *, worker: str, lease: timedelta) -> Claim | None:
        """Lease a due job to one attempt; None if it is finished, not due, or leased."""
        row = (
            await self._session.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    Job.status == Status.QUEUED,
                    Job.run_after <= func.now(),
                    Document.id == Job.document_id,
                    Dataset.id == Job.dataset_id,
                    Tenant.id == Job.tenant_id,
                    ~held_back(),  # announced before the pause
                )
                .values(
                    status=Status.PROCESSING,
                    waiting_for=None,
                    fence=Job.fence + 1,  # never reset: whoever holds an older one writes nothing
                    tries=Job.tries + 1,  # charged before the work, so that a kill -9 counts
                    attempts=Job.attempts + 1,
                    lease_until=func.now() + lease,
                    worker=worker,
                    wanted_seen=Document.wanted,
                    started_at=func.coalesce(Job.started_at, func.now()),
                    updated_at=func.now(),
                )
                .returning(
                    Job.fence,
                    Job.attempts,
                    Job.tries,
                    Job.tenant_id,
                    Job.dataset_id,
                    Job.document_id,
                )
                .execution_options(synchronize_session=False)
            )
        ).one_or_none()
        if row is None:
            return None
        claim = Claim(job_id, *row)
        self._session.add(
            Attempt(job_id=job_id, number=claim.attempt, fence=claim.fence, worker=worker)
        )
        record(self._session, claim, "job.claimed", {"attempt": claim.attempt, "worker": worker})
        return claim

    async def renew(self, claims: dict[UUID, int], *, lease: timedelta) -> set[UUID]:
        """Extend the leases of these jobs (id to fence) at once; returns those still held."""
        mine = (
            select(Job.id)
            .where(tuple_(Job.id, Job.fence).in_(claims.items()), Job.status == Status.PROCESSING)
            .order_by(Job.id)  # as everybody locks jobs
            .with_for_update(key_share=True)
        )
        rows = await self._session.scalars(
            update(Job)
            .where(Job.id.in_(mine))
            .values(lease_until=func.now() + lease)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return set(rows)

    async def held(self, claims: dict[UUID, int]) -> set[UUID]:
        """Which of these jobs (id to fence) are still the caller's."""
        rows = await self._session.scalars(
            select(Job.id).where(
                tuple_(Job.id, Job.fence).in_(claims.items()), Job.status == Status.PROCESSING
            )
        )
        return set(rows)

    async def paused(self, job_ids: Collection[UUID]) -> set[UUID]:
        """Which of these jobs a pause should end for now."""
        rows = await self._session.scalars(
            select(Job.id)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .join(Tenant, Tenant.id == Job.tenant_id)
            .where(Job.id.in_(job_ids), held_back())
        )
        return set(rows)


def record(session: AsyncSession, claim: Claim, kind: str, data: dict[str, Any]) -> None:
    """Write down what an attempt did to its job, for clients that follow along."""
    session.add(
        Event(
            tenant_id=claim.tenant_id,
            dataset_id=claim.dataset_id,
            document_id=claim.document_id,
            job_id=claim.job_id,
            kind=kind,
            data=data,
        )
    )
