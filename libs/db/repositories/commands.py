"""What people ask of jobs and documents: cancel, retry, delete."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import DocumentNotFound, JobConflict, JobNotFound
from db.models import Document, Job, Outcome, Status, WaitingFor
from db.repositories.bell import UNFINISHED, ring
from db.repositories.history import end_running_attempt, record_event, take_back
from db.repositories.tombstones import bury


async def cancel_locked(
    session: AsyncSession, document: Document, job: Job, *, now: datetime
) -> None:
    """Stop for good an unfinished job that is no removal; the caller has locked both rows."""
    if job.status == Status.PROCESSING:
        await end_running_attempt(session, job, Outcome.CANCELLED)
    take_back(job)
    job.status = Status.CANCELLED
    job.finished_at = now
    job.error_code, job.error = "cancelled", "The job was cancelled."
    document.judged_etag = document.etag
    record_event(session, job, "job.cancelled")


def requeue_locked(session: AsyncSession, job: Job, *, now: datetime, due: datetime) -> None:
    """Queue a failed or cancelled job anew, with all its tries, not before `due`.

    The caller has locked the document and the job, and seen that no other is unfinished.
    """
    take_back(job)
    job.status = Status.QUEUED
    job.run_after = due
    if due > now:
        job.waiting_for = WaitingFor.RETRY
    job.finished_at = job.error_code = job.error = job.error_fingerprint = None
    job.progress = 0
    record_event(session, job, "job.queued", reason="retry")


class CommandRepository:
    """Everything here is scoped to a tenant: another tenant's things do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def cancel(self, job_id: UUID) -> None:
        """Stop a job for good; its attempt, if one runs, can write nothing more.

        Raises:
            JobNotFound: the tenant has no such job.
            JobConflict: it is finished, or it removes a document, which cannot be cancelled.
        """
        document, job = await self._lock(job_id)
        if job.status not in UNFINISHED:
            raise JobConflict(f"The job is already {job.status}.")
        if document.deleted_at is not None:
            raise JobConflict("The job removes a deleted document; that cannot be cancelled.")
        await cancel_locked(self._session, document, job, now=await self._now())
        await self._session.flush()

    async def cancel_document(self, dataset_id: UUID, document_id: UUID) -> UUID:
        """Cancel the unfinished job of a document; returns its id.

        Raises:
            DocumentNotFound: the tenant has no such document, or it is deleted.
            JobConflict: the document has no unfinished job.
        """
        document = await self._lock_document(dataset_id, document_id)
        job = await self._session.scalar(
            select(Job)
            .where(Job.document_id == document.id, Job.status.in_(UNFINISHED))
            .with_for_update(key_share=True)
        )
        if job is None:
            raise JobConflict("The document has no unfinished job.")
        await cancel_locked(self._session, document, job, now=await self._now())
        await self._session.flush()
        return job.id

    async def retry(self, job_id: UUID) -> None:
        """Queue a failed or cancelled job anew, with all its tries.

        Raises:
            JobNotFound: the tenant has no such job.
            JobConflict: it is unfinished or completed, or a newer job of the document is at work.
        """
        document, job = await self._lock(job_id)
        if job.status not in (Status.FAILED, Status.CANCELLED):
            raise JobConflict(f"Only a failed or cancelled job can be retried; it is {job.status}.")
        newer = await self._session.scalar(
            select(Job.id).where(Job.document_id == document.id, Job.status.in_(UNFINISHED))
        )
        if newer is not None:
            raise JobConflict(f"A newer job of the document is unfinished: {newer}.")
        now = await self._now()
        requeue_locked(self._session, job, now=now, due=now)
        await self._session.flush()
        await ring(self._session)

    async def delete_document(self, dataset_id: UUID, document_id: UUID) -> UUID:
        """Leave a tombstone, out of search at once, and see to the removal; returns its job.

        Raises:
            DocumentNotFound: the tenant has no such document, or it is deleted already.
        """
        document = await self._lock_document(dataset_id, document_id)
        return await bury(self._session, document)

    async def _now(self) -> datetime:
        return (await self._session.execute(select(func.now()))).scalar_one()

    async def _lock_document(self, dataset_id: UUID, document_id: UUID) -> Document:
        document = await self._session.scalar(
            select(Document)
            .where(
                Document.id == document_id,
                Document.dataset_id == dataset_id,
                Document.tenant_id == self._tenant_id,
                Document.deleted_at.is_(None),
                Document.removed_at.is_(None),
            )
            .with_for_update(key_share=True)
        )
        if document is None:
            raise DocumentNotFound(document_id)
        return document

    async def _lock(self, job_id: UUID) -> tuple[Document, Job]:
        """Lock a job of the tenant and, before it, its document."""
        document = await self._session.scalar(
            select(Document)
            .join(Job, Job.document_id == Document.id)
            .where(Job.id == job_id, Job.tenant_id == self._tenant_id)
            .with_for_update(of=Document, key_share=True)
        )
        if document is None:
            raise JobNotFound(job_id)
        job = (
            await self._session.scalars(
                select(Job).where(Job.id == job_id).with_for_update(key_share=True)
            )
        ).one()
        return document, job
