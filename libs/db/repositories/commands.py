"""What people ask of jobs and documents: cancel, retry, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Executable,
    case,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    update,
    values,
)
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import DocumentNotFound, JobConflict, JobNotFound
from db.models import Attempt, Document, Event, Job, Outcome, Status, WaitingFor
from db.repositories.bell import UNFINISHED, ring
from db.repositories.history import CLEAN_SLATE
from db.repositories.tombstones import bury

# An object store tells the age of an object in whole seconds.
CLOCK_GRAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """What the bucket had when somebody looked; `last_modified` by the store's clock."""

    etag: str
    last_modified: datetime


async def cancel_locked(session: AsyncSession, job_ids: Sequence[UUID]) -> None:
    """Stop for good unfinished jobs that are no removals.

    The caller has locked them and, before them, their documents. What the session has loaded of
    them is stale from then on.
    """
    mine = Job.id.in_(job_ids)
    await _execute(
        session,
        update(Attempt)
        .where(
            Attempt.job_id == Job.id,
            Attempt.fence == Job.fence,
            Attempt.outcome == Outcome.RUNNING,
            mine,
        )
        .values(outcome=Outcome.CANCELLED, stage=Job.stage, finished_at=func.now()),
        update(Document)
        .where(Document.id == Job.document_id, mine)
        .values(judged_etag=Document.etag),
        update(Job)
        .where(mine)
        .values(
            **CLEAN_SLATE,
            fence=Job.fence + 1,
            status=Status.CANCELLED,
            error_code="cancelled",
            error="The job was cancelled.",
            finished_at=func.now(),
            updated_at=func.now(),
        ),
        _events(mine, "job.cancelled", {}),
    )


async def requeue_locked(session: AsyncSession, due: Mapping[UUID, datetime | None]) -> None:
    """Queue failed or cancelled jobs anew, with all their tries, each when it is due; None: now.

    The caller has locked them and, before them, their documents, and seen that no other job of
    these is unfinished. What the session has loaded of them is stale from then on.
    """
    given = values(column("id", Job.id.type), column("due", Job.run_after.type), name="given").data(
        list(due.items())
    )
    run_after = func.greatest(cast(given.c.due, Job.run_after.type), func.now())
    await _execute(
        session,
        update(Job)
        .where(Job.id == given.c.id)
        .values(
            **{**CLEAN_SLATE, "waiting_for": case((run_after > func.now(), WaitingFor.RETRY))},
            fence=Job.fence + 1,
            status=Status.QUEUED,
            run_after=run_after,
            progress=0,
            error_code=None,
            error=None,
            error_fingerprint=None,
            finished_at=None,
            updated_at=func.now(),
        ),
        _events(Job.id.in_(due), "job.queued", {"reason": "retry"}),
    )
    await ring(session)


async def _execute(session: AsyncSession, *statements: Executable) -> None:
    for statement in statements:
        await session.execute(statement, execution_options={"synchronize_session": False})


def _events(mine: ColumnElement[bool], kind: str, data: dict[str, str]) -> Executable:
    told = select(
        Job.tenant_id,
        Job.dataset_id,
        Job.document_id,
        Job.id,
        literal(kind),
        literal(data, Event.data.type),
    )
    columns = ["tenant_id", "dataset_id", "document_id", "job_id", "kind", "data"]
    return insert(Event).from_select(columns, told.where(mine).order_by(Job.id))


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
        await cancel_locked(self._session, [job.id])

    async def cancel_document(self, dataset_id: UUID, document_id: UUID) -> UUID:
        """Cancel the unfinished job of a document; returns its id.

        Raises:
            DocumentNotFound: the tenant has no such document, or it is deleted.
            JobConflict: the document has no unfinished job.
        """
        document = await self._lock_document(dataset_id, document_id)
        job_id = await self._session.scalar(
            select(Job.id)
            .where(Job.document_id == document.id, Job.status.in_(UNFINISHED))
            .with_for_update(key_share=True)
        )
        if job_id is None:
            raise JobConflict("The document has no unfinished job.")
        await cancel_locked(self._session, [job_id])
        return job_id

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
        await requeue_locked(self._session, {job.id: None})

    async def delete_document(
        self, dataset_id: UUID, document_id: UUID, *, seen: SeenVersion | None = None
    ) -> UUID:
        """Leave a tombstone, out of search at once, and see to the removal; returns its job.

        `seen`: the version in the bucket at the time of the request. Its event may still be on its
        way, and what was uploaded before the delete is to go with it.

        Raises:
            DocumentNotFound: the tenant has no such document, or it is deleted already.
        """
        document = await self._lock_document(dataset_id, document_id)
        told = document.event_time
        if seen is not None and (told is None or told <= seen.last_modified + CLOCK_GRAIN):
            document.etag, document.last_modified = seen.etag, seen.last_modified
        return await bury(self._session, document)

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
