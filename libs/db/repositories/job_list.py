"""The list of jobs: many filters, several orders, and an answer in milliseconds among a million.

Postgres is asked for the ids of one page first, and for what is shown of them afterwards. Either an
index is walked in the order of the list until a page is full, for each status by itself, since the
indexes lead with it and a merge of five short lists costs nothing. Or, where few jobs match, all
of them are read and put in order. Which of the two is decided here: Postgres supposes that what it
looks for is spread evenly, and jobs of one kind lie together.
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
# So many jobs are read and put in order in less than the time that a list may take.
FEW_MAX = 20_000
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
        found = await self._found(search)
        if sort in {JobSort.NEWEST, JobSort.OLDEST}:
            oldest_first = sort is JobSort.OLDEST
            return await self._by_id(found, found.statuses, after, limit, oldest_first=oldest_first)
        places: list[Place] = []
        if after is None or after.value is not None:
            places = await self._by_value(found, sort, after, limit)
            after = None
        unfinished = _among(UNFINISHED, found.statuses)
        if len(places) < limit and unfinished:
            places += await self._by_id(found, unfinished, after, limit - len(places))
        return places

    async def counts(self, search: JobSearch) -> dict[Status, int]:
        """How many jobs match in each state, up to COUNT_MAX of each."""
        found = await self._found(search)
        if found.few:
            few = select(Job.status, func.count()).where(*found.conditions)
            rows = (await self._session.execute(few.group_by(Job.status))).all()
        else:
            counted = [
                select(literal(status.value), func.count()).select_from(
                    select(Job.id)
                    .where(*found.conditions, Job.status == status)
                    .limit(COUNT_MAX)
                    .subquery()
                )
                for status in found.statuses
            ]
            rows = (await self._session.execute(union_all(*counted))).all() if counted else []
        numbers = {Status(name): min(number, COUNT_MAX) for name, number in rows}
        return {
            status: numbers.get(status, 0) if status in found.statuses else 0 for status in Status
        }

    async def _by_id(
        self,
        found: "_Found",
        statuses: Sequence[Status],
        after: Place | None,
        limit: int,
        *,
        oldest_first: bool = False,
    ) -> list[Place]:
        query = select(Job.id).where(*found.conditions)
        if after is not None:
            query = query.where(Job.id > after.job_id if oldest_first else Job.id < after.job_id)
        queries = found.queries(query, statuses)
        if not found.few:
            order = Job.id.asc() if oldest_first else Job.id.desc()
            queries = [each.order_by(order).limit(limit) for each in queries]
        if not queries:
            return []
        merged = _merged(queries)
        [job_id] = merged.selected_columns
        ordered = merged.order_by(job_id.asc() if oldest_first else job_id.desc()).limit(limit)
        return [Place(each) for each in await self._session.scalars(ordered)]

    async def _by_value(
        self, found: "_Found", sort: JobSort, after: Place | None, limit: int
    ) -> list[Place]:
        value = SORTED_BY[sort]
        query = select(Job.id, value.label("value")).where(
            *found.conditions, Job.finished_at.is_not(None)
        )
        if after is not None and after.value is not None:
            last = tuple_(literal(_from_number(sort, after.value)), literal(after.job_id))
            query = query.where(tuple_(value, Job.id) < last)
        queries = found.queries(query, _among(FINISHED, found.statuses))
        if not found.few:
            queries = [each.order_by(value.desc(), Job.id.desc()).limit(limit) for each in queries]
        if not queries:
            return []
        merged = _merged(queries)
        job_id, by = merged.selected_columns
        rows = await self._session.execute(merged.order_by(by.desc(), job_id.desc()).limit(limit))
        return [Place(row[0], _number(row[1])) for row in rows]

    async def _found(self, search: JobSearch) -> "_Found":
        # A plan that is kept for any values suits few of them.
        await self._session.execute(text("set local plan_cache_mode = 'force_custom_plan'"))
        deleted = select(Dataset.id).where(
            Dataset.tenant_id == self._tenant_id, Dataset.deleted_at.is_not(None)
        )
        wanted = search.filter
        own = Job.tenant_id == self._tenant_id
        rare = _rare(wanted)
        few = bool(rare) and await self._are_few(own, *rare)
        conditions = [own, Job.dataset_id.not_in(deleted), *wanted.conditions(), *rare]
        if search.worker is not None:
            tried = select(Attempt.job_id).where(Attempt.worker == search.worker)
            conditions.append(Job.id.in_(tried))
            few = True  # it is replaced after some thousands
        if search.text is not None:
            named, few_named = await self._named(search.text, wanted.dataset_id)
            conditions.append(named)
            few = few or few_named
        statuses = _among(tuple(Status), search.statuses)
        if wanted.error_code or wanted.fingerprint or wanted.stage:
            # It has none of these; but to find none Postgres would read them all.
            statuses = tuple(status for status in statuses if status is not Status.COMPLETED)
        return _Found(conditions, statuses, few=few or wanted.document_id is not None)

    async def _are_few(self, *conditions: ColumnElement[bool]) -> bool:
        some = select(Job.id).where(*conditions).limit(FEW_MAX + 1).subquery()
        counted = await self._session.scalar(select(func.count()).select_from(some))
        return (counted or 0) <= FEW_MAX

    async def _named(self, words: str, dataset_id: UUID | None) -> tuple[ColumnElement[bool], bool]:
        """That a `Job` has this id, or is of a document or dataset that has, or of a file name;
        and whether that is said of few."""
        if (job_id := _uuid(words)) is not None:
            is_dataset = await self._session.get(Dataset, job_id) is not None
            if is_dataset:
                return Job.dataset_id == job_id, False
            return or_(Job.id == job_id, Job.document_id == job_id), True
        named = select(Document.id).where(
            Document.tenant_id == self._tenant_id,
            Document.file_name.ilike(_anywhere(words)),
        )
        if dataset_id is not None:
            named = named.where(Document.dataset_id == dataset_id)
        # Where the names are many, the first of them may come after a million others all the same.
        await self._session.execute(text("set local enable_seqscan = off"))
        few = list(await self._session.scalars(named.limit(NAMED_MAX + 1)))
        await self._session.execute(text("set local enable_seqscan = on"))
        if len(few) <= NAMED_MAX:
            return Job.document_id.in_(few), True
        return named.where(Document.id == Job.document_id).correlate(Job).exists(), False


@dataclass(frozen=True, slots=True)
class _Found:
    """What a `Job` must be. `few`: that is true of so few that they are all read and then put in
    order; of others an index is walked in order until a page is full."""

    conditions: Sequence[ColumnElement[bool]]
    statuses: Sequence[Status]
    few: bool

    def queries(self, query: Select[Any], statuses: Sequence[Status]) -> list[Select[Any]]:
        """The query, for each of these states as far as that is asked for or of use."""
        if self.few:
            cte = query.where(Job.status.in_(statuses)).cte("few").prefix_with("MATERIALIZED")
            return [select(*cte.columns)]
        if len(statuses) == len(Status):
            return [query]
        return [query.where(Job.status == status) for status in statuses]


def _rare(wanted: JobFilter) -> list[ColumnElement[bool]]:
    """What may be true of few, however many there are in their state; each by an index."""
    found: list[ColumnElement[bool]] = []
    if wanted.error_code is not None:
        found.append(Job.error_code == wanted.error_code)
    if wanted.created_after is not None:
        found.append(Job.id >= first_uuid7(wanted.created_after - CLOCKS_DIFFER))
    if wanted.created_before is not None:
        found.append(Job.id < first_uuid7(wanted.created_before + CLOCKS_DIFFER))
    return found


SORTED_BY: dict[JobSort, Any] = {
    JobSort.FINISHED: Job.finished_at,
    # Of what was cancelled before it began, none.
    JobSort.LONGEST: Job.finished_at - func.coalesce(Job.started_at, Job.finished_at),
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
