"""Failed jobs as a work list: those of one kind are one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Document, Job, Status
from db.repositories.bulk import indexed_since


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of one kind. `fingerprint` is None for jobs that failed before there were any.

    `message` and `job_id` are those of the latest.
    """

    fingerprint: str | None
    error_code: str
    stage: str | None
    message: str
    jobs: int
    documents: int
    first_at: datetime
    latest_at: datetime
    job_id: UUID


class FailureRepository:
    """Everything here is scoped to a tenant; deleted datasets and documents do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def groups(self, *, dataset_id: UUID | None, limit: int) -> list[FailureGroup]:
        """The kinds of failures that nobody has mended yet, the most frequent first.

        A failure is mended once a later job has indexed its document.
        """
        rows = (await self._session.execute(self._grouped(dataset_id).limit(limit))).all()
        messages = await self._messages([row.job_id for row in rows])
        return [
            FailureGroup(
                fingerprint=row.error_fingerprint,
                error_code=row.error_code or "",
                stage=row.stage,
                message=messages.get(row.job_id) or "",
                jobs=row.jobs,
                documents=row.documents,
                first_at=row.first_at,
                latest_at=row.latest_at,
                job_id=row.job_id,
            )
            for row in rows
        ]

    def _grouped(self, dataset_id: UUID | None) -> Any:
        kind = (Job.error_fingerprint, Job.error_code, Job.stage)
        latest = func.array_agg(aggregate_order_by(Job.id, Job.finished_at.desc(), Job.id.desc()))
        query = (
            select(
                *kind,
                func.count().label("jobs"),
                func.count(Job.document_id.distinct()).label("documents"),
                func.min(Job.finished_at).label("first_at"),
                func.max(Job.finished_at).label("latest_at"),
                latest[1].label("job_id"),
            )
            .join(Document, Document.id == Job.document_id)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .where(
                Job.tenant_id == self._tenant_id,
                Job.status == Status.FAILED,
                Document.deleted_at.is_(None),
                Document.removed_at.is_(None),
                Dataset.deleted_at.is_(None),
                ~indexed_since(),
            )
            .group_by(*kind)
            .order_by(func.count().desc(), func.max(Job.finished_at).desc())
        )
        return query if dataset_id is None else query.where(Job.dataset_id == dataset_id)

    async def _messages(self, job_ids: Sequence[UUID]) -> dict[UUID, str | None]:
        rows = await self._session.execute(select(Job.id, Job.error).where(Job.id.in_(job_ids)))
        return dict(iter(rows))
