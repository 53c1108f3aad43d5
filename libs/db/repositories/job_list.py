"""The list of jobs: many filters, several orders, and an answer in milliseconds among a million.

Postgres is asked for the ids of one page first, and for what is shown of them afterwards. Each
status is asked for by itself where that makes the order an index's: rows of an index that leads
with the status come sorted, and a merge of five short lists costs nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, text, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import EPOCH, first_uuid7
from db.models import Attempt, Dataset, Document, Job, Status
from db.repositories.job_history import JobFilter

UNFINISHED = (Status.QUEUED, Status.PROCESSING)
FINISHED = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
COUNT_MAX = 10_000  # of one status; nobody reads more of it than that there are many
# Up to so many documents of a name are looked up first; more are met soon on the way through jobs.
NAMED_MAX = 5_000
# Ids hold the clock of who made them, `created_at` is Postgres's: they differ by less than this.
CLOCKS_DIFFER = timedelta(hours=1)


class JobSort(StrEnum):
    """The order of a list; `-` puts the largest first. By what only a finished job has, those that
    are not finished come behind, newest first."""

    NEWEST = "-created"
    OLDEST = "created"
    FINISHED = "-finished"
    LONGEST = "-duration"
    COSTLIEST = "-tokens"


@dataclass(frozen=True, slots=True)
class JobSearch:
    """What a list is narrowed by; `text` is a part of a file name, or an id."""

    filter: JobFilter = field(default_factory=JobFilter)
    statuses: tuple[Status, ...] = ()
    worker: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: at this job. `value` is what the order goes by, in microseconds or
    tokens; None behind the finished ones, and where the order is that of the ids."""

    job_id: UUID
    value: int | None = None


class JobListRepository:
    """Everything here is scoped to a tenant; jobs of deleted datasets do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def page(
        self, search: JobSearch, sort: JobSort, *, after: Place | None, limit: int
    ) -> list[Place]:
        """The jobs behind `after`, in order."""
        found = await self._narrowed(search)
        if sort in {JobSort.NEWEST, JobSort.OLDEST}:
            return await self._by_id(found, search.statuses, after, limit, sort is JobSort.OLDEST)
        places: list[Place] = []
        if after is None or after.value is not None:
            finished = _among(FINISHED, search.statuses)
            places = await self._by_value(found, finished, sort, after, limit)
            after = None
        unfinished = _among(UNFINISHED, search.statuses)
        if len(places) < limit and unfinished:
            places += await self._by_id(found, unfinished, after, limit - len(places), False)
        return places

    async def counts(self, search: JobSearch) -> dict[Status, int]:
        """How many jobs match in each state, up to COUNT_MAX of each."""
        found = await self._narrowed(search)
        wanted = _among(tuple(Status), search.statuses)
        counted = [
            select(literal(status.value), func.count()).select_from(
                select(Job.id).where(*found, Job.status == status).limit(COUNT_MAX).subquery()
            )
            for status in wanted
        ]
        rows = (await self._session.execute(union_all(*counted))).all()
        numbers = {Status(name): int(number) for name, number in rows}
        return {status: numbers.get(status, 0) for status in Status}

    async def _by_id(
        self,
        found: Sequence[ColumnElement[bool]],
        statuses: Sequence[Status],
        after: Place | None,
        limit: int,
        oldest_first: bool,
    ) -> list[Place]:
        order = Job.id.asc() if oldest_first else Job.id.desc()
        query = select(Job.id).where(*found)
        if after is not None:
            query = query.where(Job.id > after.job_id if oldest_first else Job.id < after.job_id)
        queries = [query.where(Job.status == status) for status in statuses] or [query]
        merged = _merged([each.order_by(order).limit(limit) for each in queries])
        column = merged.selected_columns[0]
        ordered = merged.order_by(column.asc() if oldest_first else column.desc()).limit(limit)
        return [Place(job_id) for job_id in await self._session.scalars(ordered)]

    async def _by_value(
        self,
        found: Sequence[ColumnElement[bool]],
        statuses: Sequence[Status],
        sort: JobSort,
        after: Place | None,
        limit: int,
    ) -> list[Place]:
        if not statuses:
            return []
        value = SORTED_BY[sort]
        query = select(Job.id, value.label("value")).where(*found, Job.finished_at.is_not(None))
        if after is not None and after.value is not None:
            last = tuple_(literal(_from_number(sort, after.value)), literal(after.job_id))
            query = query.where(tuple_(value, Job.id) < last)
        merged = _merged(
            [
                query.where(Job.status == status).order_by(value.desc(), Job.id.desc()).limit(limit)
                for status in statuses
            ]
        )
        job_id, by = merged.selected_columns
        rows = await self._session.execute(merged.order_by(by.desc(), job_id.desc()).limit(limit))
        return [Place(row[0], _number(row[1])) for row in rows]

    async def _narrowed(self, search: JobSearch) -> list[ColumnElement[bool]]:
        """What a `Job` must be."""
        # A plan that is kept for any values suits few of them.
        await self._session.execute(text("set local plan_cache_mode = 'force_custom_plan'"))
        deleted = select(Dataset.id).where(
            Dataset.tenant_id == self._tenant_id, Dataset.deleted_at.is_not(None)
        )
        wanted = search.filter
        found = [
            Job.tenant_id == self._tenant_id,
            Job.dataset_id.not_in(deleted),
            *wanted.conditions(),
        ]
        if wanted.created_after is not None:
            found.append(Job.id >= first_uuid7(wanted.created_after - CLOCKS_DIFFER))
        if wanted.created_before is not None:
            found.append(Job.id < first_uuid7(wanted.created_before + CLOCKS_DIFFER))
        if wanted.stage is not None:
            found.append(Job.status != Status.COMPLETED)  # they have none
        if search.worker is not None:
            tried = select(Attempt.job_id).where(Attempt.worker == search.worker)
            found.append(Job.id.in_(tried))
        if search.text is not None:
            found.append(await self._named(search.text, wanted.dataset_id))
        return found

    async def _named(self, words: str, dataset_id: UUID | None) -> ColumnElement[bool]:
        """That a `Job` has this id, or is of a document or dataset that has, or of a file name."""
        if (job_id := _uuid(words)) is not None:
            return or_(Job.id == job_id, Job.document_id == job_id, Job.dataset_id == job_id)
        named = select(Document.id).where(
            Document.tenant_id == self._tenant_id,
            Document.file_name.ilike(_anywhere(words)),
        )
        if dataset_id is not None:
            named = named.where(Document.dataset_id == dataset_id)
        few = list(await self._session.scalars(named.limit(NAMED_MAX + 1)))
        if len(few) <= NAMED_MAX:
            return Job.document_id.in_(few)
        return named.where(Document.id == Job.document_id).correlate(Job).exists()


SORTED_BY: dict[JobSort, Any] = {
    JobSort.FINISHED: Job.finished_at,
    # Of what was cancelled before it began, none.
    JobSort.LONGEST: func.coalesce(Job.finished_at - Job.started_at, timedelta(0)),
    JobSort.COSTLIEST: Job.tokens,
}


def _among(all_of_them: Sequence[Status], wanted: Sequence[Status]) -> tuple[Status, ...]:
    return tuple(status for status in all_of_them if not wanted or status in wanted)


def _merged(queries: Sequence[Select[Any]]) -> Select[Any]:
    """Everything that these find, in no order."""
    if len(queries) == 1:
        return select(*queries[0].subquery().columns)
    return select(*union_all(*(select(each.subquery()) for each in queries)).subquery().columns)


def _number(value: datetime | timedelta | int) -> int:
    if isinstance(value, datetime):
        value -= EPOCH
    return value if isinstance(value, int) else value // timedelta(microseconds=1)


def _from_number(sort: JobSort, number: int) -> datetime | timedelta | int:
    if sort is JobSort.COSTLIEST:
        return number
    duration = timedelta(microseconds=number)
    return EPOCH + duration if sort is JobSort.FINISHED else duration


def _anywhere(words: str) -> str:
    """The pattern of a text that holds these words as they stand."""
    return "%" + re.sub(r"([\\%_])", r"\\\1", words) + "%"


def _uuid(words: str) -> UUID | None:
    try:
        return UUID(words)
    except ValueError:
        return None
