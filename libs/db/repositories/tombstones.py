"""Deleting: a tombstone hides the document at once; a job that nobody can cancel does the rest."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import uuid7
from db.models import Document, Job, Outcome, Status
from db.repositories.bell import UNFINISHED, ring
from db.repositories.history import (
    end_running_attempt,
    record_document_event,
    record_event,
    take_back,
)

# Somebody waits for a delete, and it is cheap.
REMOVAL_PRIORITY = 100
REMOVAL_REASON = "delete"


async def bury(session: AsyncSession, document: Document) -> UUID:
    """Put a tombstone on a document that the caller has locked; returns the removal job's id.

    The tombstone names the version that was known, and its age by the store's clock, so that a
    newer upload is not removed with it, even one of the same bytes.
    """
    now = (await session.execute(select(func.now()))).scalar_one()
    document.deleted_at, document.deleted_etag = now, document.etag
    known = [time for time in (document.last_modified, document.event_time) if time is not None]
    document.deleted_modified = max(known, default=None)
    # Not only hidden: if an upload voids the tombstone, the deleted version must not come back.
    document.live_generation = document.live_etag = document.live_fingerprint = None
    document.live_space = document.live_at = None
    document.building_etag = document.building_fingerprint = None
    document.chunk_count = 0
    document.updated_at = now
    record_document_event(session, document, "document.deleted")
    return await queue_removal(session, document)


async def queue_removal(session: AsyncSession, document: Document) -> UUID:
    """See to the removal of a document with a tombstone, which the caller has locked."""
    now = (await session.execute(select(func.now()))).scalar_one()
    job = await session.scalar(
        select(Job)
        .where(Job.document_id == document.id, Job.status.in_(UNFINISHED))
        .with_for_update(key_share=True)
    )
    if job is None:
        job = Job(
            id=uuid7(),
            tenant_id=document.tenant_id,
            dataset_id=document.dataset_id,
            document_id=document.id,
            status=Status.QUEUED,
            fence=0,
        )
        session.add(job)
    else:
        await end_running_attempt(session, job, Outcome.CANCELLED)
        take_back(job)
    job.reason, job.priority, job.large = REMOVAL_REASON, REMOVAL_PRIORITY, False
    job.status = Status.QUEUED
    job.run_after = now
    job.error_code = job.error = None
    await session.flush()
    record_event(session, job, "job.queued", reason=REMOVAL_REASON)
    await ring(session)
    return job.id
