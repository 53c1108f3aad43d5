"""What happened, written down in the transaction in which it happened."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Attempt, Document, Event, Job, Outcome


def record_event(session: AsyncSession, job: Job, kind: str, **data: Any) -> None:
    """Write down a change of a job's state, for clients that follow along."""
    session.add(
        Event(
            tenant_id=job.tenant_id,
            dataset_id=job.dataset_id,
            document_id=job.document_id,
            job_id=job.id,
            kind=kind,
            data=data,
        )
    )


def record_document_event(
    session: AsyncSession, document: Document, kind: str, *, job_id: UUID | None = None, **data: Any
) -> None:
    """Write down a change of a document's own state; `job_id`: the job that made it, if one did."""
    session.add(
        Event(
            tenant_id=document.tenant_id,
            dataset_id=document.dataset_id,
            document_id=document.id,
            job_id=job_id,
            kind=kind,
            data=data,
        )
    )


async def end_running_attempt(session: AsyncSession, job: Job, outcome: Outcome) -> None:
    """Close the attempt that holds the job, if one does; it learns of it from the raised fence."""
    await session.execute(
        update(Attempt)
        .where(
            Attempt.job_id == job.id,
            Attempt.fence == job.fence,
            Attempt.outcome == Outcome.RUNNING,
        )
        .values(outcome=outcome, stage=job.stage, finished_at=func.now())
        .execution_options(synchronize_session=False)
    )


# What a job has of the attempts so far.
CLEAN_SLATE: dict[str, Any] = {
    "lease_until": None,
    "worker": None,
    "announced_at": None,
    "waiting_for": None,
    "dependency": None,
    "waiting_since": None,
    "tries": 0,
    "lapses": 0,
    "dependency_waits": 0,
    "stage": None,
    "seconds_left": None,
}


def take_back(job: Job) -> None:
    """Take a job from whoever holds it, and give it a clean slate; the fence never resets."""
    job.fence += 1
    for name, value in CLEAN_SLATE.items():
        setattr(job, name, value)
