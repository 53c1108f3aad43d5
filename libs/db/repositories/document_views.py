"""Documents as clients see them: what is searchable, and the state of the latest job, in one row.

The latest job is the unfinished one or, if there is none, the one that finished last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, false, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.errors import DocumentNotFound
from db.models import Dataset, Document, Job, Status, Tenant
from db.repositories.pauses import paused


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document and its latest job; no job has been made before anything arrived. `held` while
    a pause of the dataset or of the tenant keeps the job queued."""

    document: Document
    job: Job | None
    held: bool


class DocumentViewRepository:
    """Everything here is scoped to a tenant; deleted and removed documents do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def get(self, dataset_id: UUID, document_id: UUID) -> DocumentRow:
        """
        Raises:
            DocumentNotFound: the dataset has no such document, or it was deleted.
        """
        rows = await self._session.execute(
            self._visible(dataset_id).where(Document.id == document_id)
        )
        row = rows.one_or_none()
        if row is None:
            raise DocumentNotFound(document_id)
        return DocumentRow(*row)

    async def describe(
        self, dataset_id: UUID, document_id: UUID, metadata: Mapping[str, Any]
    ) -> None:
        """Replace the metadata of a document.

        Raises:
            DocumentNotFound: the dataset has no such document, or it was deleted.
        """
        changed = await self._session.scalar(
            update(Document)
            .where(
                Document.id == document_id,
                Document.dataset_id == dataset_id,
                Document.tenant_id == self._tenant_id,
                Document.deleted_at.is_(None),
                Document.removed_at.is_(None),
            )
            .values({Document.client_metadata: dict(metadata), Document.updated_at: func.now()})
            .returning(Document.id)
        )
        if changed is None:
            raise DocumentNotFound(document_id)

    async def page(self, dataset_id: UUID, *, before: UUID | None, limit: int) -> list[DocumentRow]:
        """The newest documents first; `before` is the last id of the page before."""
        query = self._visible(dataset_id).order_by(Document.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Document.id < before)
        return [DocumentRow(*row) for row in await self._session.execute(query)]

    def _visible(self, dataset_id: UUID) -> Any:
        latest = aliased(
            Job,
            select(Job)
            .where(Job.document_id == Document.id)
            # Postgres puts NULL first in a descending order: the unfinished job.
            .order_by(Job.finished_at.desc(), Job.id.desc())
            .limit(1)
            .lateral("latest"),
        )
        latest_is_queued = func.coalesce(latest.status == Status.QUEUED, false())
        return (
            # Deleted documents are not visible, so no job here is a removal, which nothing holds.
            select(Document, latest, and_(latest_is_queued, paused()))
            .join(Dataset, Dataset.id == Document.dataset_id)
            .join(Tenant, Tenant.id == Document.tenant_id)
            .outerjoin(latest, true())
            .where(
                Document.dataset_id == dataset_id,
                Document.tenant_id == self._tenant_id,
                Document.deleted_at.is_(None),
                Document.removed_at.is_(None),
                Dataset.deleted_at.is_(None),
            )
        )
