"""Jobs and their attempts as clients see them: filtered, newest first."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Double, and_, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import JobNotFound
from db.models import Attempt, Dataset, Document, Event, Job, Status, Tenant, Usage
from db.repositories.pauses import held_back

# A lease lasts 30 s and is renewed every 8: so little is left only if two renewals did not come.
STALLED_BELOW = timedelta(seconds=12)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """What a list of jobs is narrowed by; None leaves a thing open."""

    status: Status | None = None
    dataset_id: UUID | None = None
    document_id: UUID | None = None
    error_code: str | None = None
    stage: str | None = None
    fingerprint: str | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None

    def described(self) -> dict[str, str]:
        """What is given, for the audit log."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a `Job` must be; nothing if all is left open."""
        equal = {
            Job.status: self.status,
            Job.dataset_id: self.dataset_id,
            Job.document_id: self.document_id,
            Job.error_code: self.error_code,
            Job.stage: self.stage,
            Job.error_fingerprint: self.fingerprint,
        }
        found = [column == value for column, value in equal.items() if value is not None]
        if self.created_before is not None:
            found.append(Job.created_at < self.created_before)
        if self.created_after is not None:
            found.append(Job.created_at >= self.created_after)
        return found


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, the document that it is about, and what it has cost in US dollars.

    `held` while a pause keeps it queued, `stalled` while its worker has given no sign of life.
    `cost` None: the price is not known, or nothing was embedded. `worker` is that of the latest
    attempt, `duration_seconds` since the first one began.
    """

    job: Job
    file_name: str
    object_key: str
    dataset_name: str
    worker: str | None
    duration_seconds: float | None
    tokens: int  # also those of an attempt that runs
    held: bool
    stalled: bool
    cost: Decimal | None
    texts_reused: int
    tokens_saved: int
    cost_saved: Decimal | None


class JobHistoryRepository:
    """Everything here is scoped to a tenant; jobs of deleted datasets do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def get(self, job_id: UUID) -> JobRow:
        """
        Raises:
            JobNotFound: the tenant has no such job, or its dataset was deleted.
        """
        row = (await self._session.execute(self._visible().where(Job.id == job_id))).one_or_none()
        if row is None:
            raise JobNotFound(job_id)
        return JobRow(*row)

    async def of_ids(self, job_ids: list[UUID]) -> list[JobRow]:
        """These jobs, oldest first."""
        query = self._visible().where(Job.id.in_(job_ids)).order_by(Job.id)
        return [JobRow(*row) for row in await self._session.execute(query)]

    async def in_order(self, job_ids: Sequence[UUID]) -> list[JobRow]:
        """These jobs, in this order."""
        rows = {row.job.id: row for row in await self.of_ids(list(job_ids))}
        return [rows[job_id] for job_id in job_ids if job_id in rows]

    async def page(self, wanted: JobFilter, *, before: UUID | None, limit: int) -> list[JobRow]:
        """The newest jobs first; `before` is the last id of the page before."""
        query = self._visible().where(*wanted.conditions()).order_by(Job.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Job.id < before)
        return [JobRow(*row) for row in await self._session.execute(query)]

    async def attempts(self, job_id: UUID, *, before: UUID | None, limit: int) -> list[Attempt]:
        """The latest attempts of a job that the caller has seen to be the tenant's."""
        query = (
            select(Attempt).where(Attempt.job_id == job_id).order_by(Attempt.id.desc()).limit(limit)
        )
        if before is not None:
            query = query.where(Attempt.id < before)
        return list(await self._session.scalars(query))

    async def events(self, job_id: UUID, *, after: int, limit: int) -> list[Event]:
        """What happened to a job that the caller has seen to be the tenant's, in order."""
        query = select(Event).where(Event.job_id == job_id, Event.id > after)
        return list(await self._session.scalars(query.order_by(Event.id).limit(limit)))

    def _visible(self) -> Any:
        return (
            select(
                Job,
                Document.file_name,
                Document.object_key,
                Dataset.name,
                _worker(),
                _duration(),
                _tokens(),
                _held(),
                _stalled(),
                *_spent(),
            )
            .join(Document, Document.id == Job.document_id)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .join(Tenant, Tenant.id == Job.tenant_id)
            .where(Job.tenant_id == self._tenant_id, Dataset.deleted_at.is_(None))
            # A repository's reader sees the rows as they are, not as this session knew them.
            .execution_options(populate_existing=True)
        )


def _worker() -> Any:
    latest = (
        select(Attempt.worker)
        .where(Attempt.job_id == Job.id)
        .order_by(Attempt.fence.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(Job.worker, latest)


def _tokens() -> Any:
    """A job is told at an attempt's end; attempts are after every call."""
    paid = select(func.sum(Attempt.tokens)).where(Attempt.job_id == Job.id).scalar_subquery()
    return cast(func.greatest(Job.tokens, paid), BigInteger)


def _duration() -> Any:
    """In seconds, from the first attempt to the end, or to now where one is at work."""
    end = case((Job.status == Status.PROCESSING, func.now()), else_=Job.finished_at)
    return cast(func.extract("epoch", end - Job.started_at), Double)


def _stalled() -> Any:
    return and_(Job.status == Status.PROCESSING, Job.lease_until < func.now() + STALLED_BELOW)


def _spent() -> list[Any]:
    sums: list[Any] = [
        func.sum(Usage.cost),
        cast(func.coalesce(func.sum(Usage.texts_reused), 0), BigInteger),
        cast(func.coalesce(func.sum(Usage.tokens_saved), 0), BigInteger),
        func.sum(Usage.cost_saved),
    ]
    return [select(each).where(Usage.job_id == Job.id).scalar_subquery() for each in sums]


def _held() -> Any:
    """A pause is the dataset's or the tenant's, not written into their jobs."""
    return and_(Job.status == Status.QUEUED, held_back())
