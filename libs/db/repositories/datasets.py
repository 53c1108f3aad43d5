"""Datasets of one tenant: made, listed with their counts, changed, deleted.

The counts of a whole page of datasets are two grouped queries. They never visit a document's jobs
one by one: a document with a live generation and no unfinished or failed job has completed, so
only the jobs that have not completed are looked at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from db.errors import DatasetNotFound
from db.models import Dataset, Document, Event, Job, Status, Tenant, UploadHint
from db.repositories.bell import ring
from db.repositories.events import record_dataset_event

# The pace of a dataset: the jobs that its latest events say were finished, if they are enough.
FINISHING = ("job.completed", "job.failed")
EVENTS_LOOKED_AT = 1_000
FINISHED_MIN = 5
PACE_OF = timedelta(minutes=10)


@dataclass(slots=True)
class DatasetCounts:
    """The documents of a dataset by what became of them; each is counted in one of the last six.

    `awaited` have an upload URL that is still good and nothing arrived; `absent` never arrived.
    """

    documents: int = 0
    searchable: int = 0
    chunks: int = 0
    awaited: int = 0
    absent: int = 0
    unfinished: int = 0
    failed: int = 0
    cancelled: int = 0
    completed: int = 0
    unfinished_progress: int = 0  # the sum of the unfinished jobs' percentages


@dataclass(frozen=True, slots=True)
class ChunkingRow:
    """How the documents of a dataset are cut; the strategy says what lengths are counted in."""

    strategy: str
    size: int
    overlap: int
    heading_prefix: bool = False


@dataclass(frozen=True, slots=True)
class DatasetRow:
    """A dataset with its counts. `paused_at` is its own; `tenant_paused_at` holds it back too."""

    id: UUID
    name: str
    chunking: ChunkingRow
    live_space: str
    priority: int
    paused_at: datetime | None
    tenant_paused_at: datetime | None
    created_at: datetime
    updated_at: datetime
    counts: DatasetCounts = field(default_factory=DatasetCounts)
    seconds_left: int | None = None


class DatasetRepository:
    """Everything here is scoped to a tenant: another tenant's datasets do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def add(
        self, dataset_id: UUID, *, name: str, chunking: ChunkingRow, live_space: str, priority: int
    ) -> None:
        self._session.add(
            Dataset(
                id=dataset_id,
                tenant_id=self._tenant_id,
                name=name,
                chunk_strategy=chunking.strategy,
                chunk_size=chunking.size,
                chunk_overlap=chunking.overlap,
                chunk_heading_prefix=chunking.heading_prefix,
                live_space=live_space,
                priority=priority,
            )
        )
        await self._session.flush()
        await self._record(dataset_id, "dataset.created", name=name)

    async def get(self, dataset_id: UUID) -> DatasetRow:
        """A dataset with its counts.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        dataset = await self._session.scalar(self._visible().where(Dataset.id == dataset_id))
        if dataset is None:
            raise DatasetNotFound(dataset_id)
        [row] = await self._with_counts([dataset])
        return row

    async def page(self, *, before: UUID | None, limit: int) -> list[DatasetRow]:
        """The newest datasets first; `before` is the last id of the page before."""
        query = self._visible().order_by(Dataset.id.desc()).limit(limit)
        if before is not None:
            query = query.where(Dataset.id < before)
        return await self._with_counts(list(await self._session.scalars(query)))

    async def check(self, dataset_id: UUID) -> None:
        """Whether it is there; it may be deleted the next moment (see `hold`).

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        found = await self._session.scalar(
            select(Dataset.id).where(
                Dataset.id == dataset_id,
                Dataset.tenant_id == self._tenant_id,
                Dataset.deleted_at.is_(None),
            )
        )
        if found is None:
            raise DatasetNotFound(dataset_id)

    async def hold(self, dataset_id: UUID) -> None:
        """Keep the dataset from being deleted until the transaction ends.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        held = await self._session.scalar(
            select(Dataset.id)
            .where(
                Dataset.id == dataset_id,
                Dataset.tenant_id == self._tenant_id,
                Dataset.deleted_at.is_(None),
            )
            .with_for_update(read=True)
        )
        if held is None:
            raise DatasetNotFound(dataset_id)

    async def lock_chunking(self, dataset_id: UUID) -> ChunkingRow:
        """The chunking settings, which nobody else changes until the transaction ends.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        row = (
            await self._session.execute(
                select(
                    Dataset.chunk_strategy,
                    Dataset.chunk_size,
                    Dataset.chunk_overlap,
                    Dataset.chunk_heading_prefix,
                )
                .where(
                    Dataset.id == dataset_id,
                    Dataset.tenant_id == self._tenant_id,
                    Dataset.deleted_at.is_(None),
                )
                .with_for_update(key_share=True)
            )
        ).one_or_none()
        if row is None:
            raise DatasetNotFound(dataset_id)
        return ChunkingRow(*row)

    async def change(
        self,
        dataset_id: UUID,
        *,
        name: str | None = None,
        priority: int | None = None,
        paused: bool | None = None,
        chunking: ChunkingRow | None = None,
    ) -> None:
        """Change what is given. A priority also moves the jobs that are queued already.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = name
        if priority is not None:
            values["priority"] = priority
        if paused is not None:
            values["paused_at"] = func.coalesce(Dataset.paused_at, func.now()) if paused else None
        if chunking is not None:
            values["chunk_strategy"] = chunking.strategy
            values["chunk_size"] = chunking.size
            values["chunk_overlap"] = chunking.overlap
            values["chunk_heading_prefix"] = chunking.heading_prefix
        await self._update(dataset_id, updated_at=func.now(), **values)
        changed = {"name": name, "priority": priority, "paused": paused, "chunking": chunking}
        told = [what for what, value in changed.items() if value is not None]
        await self._record(dataset_id, "dataset.changed", changed=told)
        if priority is not None:
            await self._move_queued(dataset_id, priority)
        if priority is not None or paused is False:
            await ring(self._session)

    async def delete(self, dataset_id: UUID) -> None:
        """Leave a tombstone; what the dataset holds is out of every answer from the commit on.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted already.
        """
        await self._update(dataset_id, deleted_at=func.now(), updated_at=func.now())
        await self._record(dataset_id, "dataset.deleted")
        await ring(self._session)

    async def _record(self, dataset_id: UUID, kind: str, **data: Any) -> None:
        await record_dataset_event(self._session, Dataset.id == dataset_id, kind, **data)

    async def _update(self, dataset_id: UUID, **values: Any) -> None:
        updated = await self._session.scalar(
            update(Dataset)
            .where(
                Dataset.id == dataset_id,
                Dataset.tenant_id == self._tenant_id,
                Dataset.deleted_at.is_(None),
            )
            .values(**values)
            .returning(Dataset.id)
            .execution_options(synchronize_session=False)
        )
        if updated is None:
            raise DatasetNotFound(dataset_id)

    async def _move_queued(self, dataset_id: UUID, priority: int) -> None:
        queued = (
            select(Job.id)
            .where(
                Job.dataset_id == dataset_id, Job.status == Status.QUEUED, Job.reason != "delete"
            )
            .order_by(Job.id)  # as everybody locks jobs
            .with_for_update(key_share=True)
        )
        await self._session.execute(
            update(Job)
            .where(Job.id.in_(queued.scalar_subquery()))
            .values(priority=priority)
            .execution_options(synchronize_session=False)
        )

    def _visible(self) -> Any:
        return select(Dataset).where(
            Dataset.tenant_id == self._tenant_id, Dataset.deleted_at.is_(None)
        )

    async def _with_counts(self, datasets: Sequence[Dataset]) -> list[DatasetRow]:
        counts = await self._counts([dataset.id for dataset in datasets])
        tenant_paused_at = await self._session.scalar(
            select(Tenant.paused_at).where(Tenant.id == self._tenant_id)
        )
        return [
            DatasetRow(
                id=dataset.id,
                name=dataset.name,
                chunking=ChunkingRow(
                    dataset.chunk_strategy,
                    dataset.chunk_size,
                    dataset.chunk_overlap,
                    dataset.chunk_heading_prefix,
                ),
                live_space=dataset.live_space,
                priority=dataset.priority,
                paused_at=dataset.paused_at,
                tenant_paused_at=tenant_paused_at,
                created_at=dataset.created_at,
                updated_at=dataset.updated_at,
                counts=counts[dataset.id],
                seconds_left=await self._seconds_left(dataset.id, counts[dataset.id]),
            )
            for dataset in datasets
        ]

    async def _seconds_left(self, dataset_id: UUID, counts: DatasetCounts) -> int | None:
        """What the unfinished jobs may take, at the pace of those that finished last; None if too
        few did."""
        if not counts.unfinished:
            return None
        running = select(func.max(Job.seconds_left)).where(
            Job.dataset_id == dataset_id, Job.status == Status.PROCESSING
        )
        latest = (
            select(Event.kind, Event.created_at)
            .where(Event.dataset_id == dataset_id, Event.number.is_not(None))
            .order_by(Event.number.desc())
            .limit(EVENTS_LOOKED_AT)
            .subquery()
        )
        pace = (
            select(
                func.count(),
                func.extract("epoch", func.now() - func.min(latest.c.created_at)),
                running.scalar_subquery(),
            )
            .select_from(latest)
            .where(latest.c.kind.in_(FINISHING), latest.c.created_at > func.now() - PACE_OF)
        )
        row = (await self._session.execute(pace)).one()
        finished, seconds = int(row[0]), float(row[1] or 0)
        longest: int | None = row[2]
        if finished >= FINISHED_MIN:
            waiting = math.ceil(counts.unfinished * seconds / finished)
            return max(waiting, longest or 0)
        return longest if counts.unfinished == 1 else None

    async def _counts(self, ids: list[UUID]) -> dict[UUID, DatasetCounts]:
        counts = {dataset_id: DatasetCounts() for dataset_id in ids}
        if not ids:
            return counts
        absent: dict[UUID, int] = {}  # never live, and without a job of those below
        for row in await self._session.execute(_totals(ids)):
            found = counts[row.dataset_id]
            found.documents, found.searchable = row.documents, row.searchable
            found.chunks, found.awaited = int(row.chunks), row.awaited
            never_live = absent.setdefault(row.dataset_id, row.documents - row.searchable)
            if row.status is None:
                continue
            absent[row.dataset_id] = never_live - (row.jobs - row.jobs_searchable)
            match row.status:
                case Status.FAILED:
                    found.failed = row.jobs
                case Status.CANCELLED:
                    found.cancelled = row.jobs
                case _:
                    found.unfinished += row.jobs
                    found.unfinished_progress += int(row.progress)
        for dataset_id, found in counts.items():
            never_live = max(absent.get(dataset_id, 0), 0)
            # A hint may be open although the document is known otherwise: an overwrite.
            found.awaited = min(found.awaited, never_live)
            found.absent = never_live - found.awaited
            found.completed = found.documents - (
                found.awaited + found.absent + found.unfinished + found.failed + found.cancelled
            )
        return counts


def _totals(ids: list[UUID]) -> Any:
    """Both in one statement: what moves from the one to the other between two is in neither."""
    documents, jobs = _document_totals(ids).subquery(), _job_totals(ids).subquery()
    columns = (jobs.c.status, jobs.c.jobs, jobs.c.jobs_searchable, jobs.c.progress)
    return select(documents, *columns).outerjoin_from(
        documents, jobs, jobs.c.dataset_id == documents.c.dataset_id
    )


def _document_totals(ids: list[UUID]) -> Any:
    awaited = and_(
        Document.live_generation.is_(None),
        exists().where(
            UploadHint.document_id == Document.id,
            UploadHint.arrived_at.is_(None),
            UploadHint.expires_at > func.now(),
        ),
    )
    return (
        select(
            Document.dataset_id,
            func.count().label("documents"),
            func.count(Document.live_generation).label("searchable"),
            func.coalesce(func.sum(Document.chunk_count), 0).label("chunks"),
            func.count().filter(awaited).label("awaited"),
        )
        .where(
            Document.dataset_id.in_(ids),
            Document.deleted_at.is_(None),
            Document.removed_at.is_(None),
        )
        .group_by(Document.dataset_id)
    )


def _job_totals(ids: list[UUID]) -> Any:
    """The documents whose latest job has not completed, by that job's status."""
    newer = aliased(Job)
    superseded = exists().where(
        newer.document_id == Job.document_id,
        newer.id != Job.id,
        or_(newer.finished_at.is_(None), newer.finished_at > Job.finished_at),
    )
    return (
        select(
            Job.dataset_id,
            Job.status,
            func.count().label("jobs"),
            func.count(Document.live_generation).label("jobs_searchable"),
            func.sum(Job.progress).label("progress"),
        )
        .join(Document, Document.id == Job.document_id)
        .where(
            Job.dataset_id.in_(ids),
            Job.status.in_((Status.QUEUED, Status.PROCESSING, Status.FAILED, Status.CANCELLED)),
            Document.deleted_at.is_(None),
            Document.removed_at.is_(None),
            or_(Job.finished_at.is_(None), ~superseded),
        )
        .group_by(Job.dataset_id, Job.status)
    )
