"""What embedding has cost a tenant, added up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Date, case, cast, func, literal, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Usage


class GroupBy(StrEnum):
    DAY = "day"
    DATASET = "dataset"
    DOCUMENT = "document"
    JOB = "job"
    MODEL = "model"


COLUMNS: dict[GroupBy, Any] = {
    GroupBy.DAY: cast(func.timezone("UTC", Usage.created_at), Date),
    GroupBy.DATASET: Usage.dataset_id,
    GroupBy.DOCUMENT: Usage.document_id,
    GroupBy.JOB: Usage.job_id,
    GroupBy.MODEL: Usage.model,
}


@dataclass(frozen=True, slots=True)
class SpendingFilter:
    """Days are UTC, both included; None leaves a thing open."""

    first_day: date
    last_day: date
    dataset_id: UUID | None = None
    document_id: UUID | None = None
    job_id: UUID | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Spending:
    """A sum, and what it is of: None where that was not grouped by, or for a search's document.

    `tokens_counted` are those that we counted, `tokens_unpriced` those whose price is not known:
    they are not in `cost`. Money in US dollars.
    """

    day: date | None
    dataset_id: UUID | None
    document_id: UUID | None
    job_id: UUID | None
    model: str | None
    tokens: int
    tokens_counted: int
    tokens_unpriced: int
    cost: Decimal
    texts_reused: int
    tokens_saved: int
    cost_saved: Decimal


class SpendingRepository:
    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def groups(
        self, wanted: SpendingFilter, by: Sequence[GroupBy], *, limit: int
    ) -> list[Spending]:
        """The newest days first, and of a day what took most tokens."""
        columns = [COLUMNS[each] if each in by else null() for each in GroupBy]
        query = (
            select(*columns, *_sums())
            .where(*self._conditions(wanted))
            .group_by(*(COLUMNS[each] for each in GroupBy if each in by))
            .limit(limit)
        )
        if GroupBy.DAY in by:
            query = query.order_by(COLUMNS[GroupBy.DAY].desc())
        query = query.order_by(func.sum(Usage.tokens).desc(), *(COLUMNS[each] for each in by))
        return [Spending(*row) for row in await self._session.execute(query)]

    async def total(self, wanted: SpendingFilter) -> Spending:
        nothing: list[Any] = [null() for _ in GroupBy]
        query = select(*nothing, *_sums()).where(*self._conditions(wanted))
        return Spending(*(await self._session.execute(query)).one())

    def _conditions(self, wanted: SpendingFilter) -> list[Any]:
        begin = datetime.combine(wanted.first_day, time(), UTC)
        end = datetime.combine(wanted.last_day, time(), UTC) + timedelta(days=1)
        equal = {
            Usage.dataset_id: wanted.dataset_id,
            Usage.document_id: wanted.document_id,
            Usage.job_id: wanted.job_id,
            Usage.model: wanted.model,
        }
        return [
            Usage.tenant_id == self._tenant_id,
            Usage.created_at >= begin,
            Usage.created_at < end,
            *(column == value for column, value in equal.items() if value is not None),
        ]


def _sums() -> list[Any]:
    zero = literal(0)
    return [
        *(_whole_sum(each) for each in (Usage.tokens, Usage.tokens_counted)),
        _whole_sum(case((Usage.cost.is_(None), Usage.tokens), else_=zero)),
        func.coalesce(func.sum(Usage.cost), Decimal(0)),
        *(_whole_sum(each) for each in (Usage.texts_reused, Usage.tokens_saved)),
        func.coalesce(func.sum(Usage.cost_saved), Decimal(0)),
    ]


def _whole_sum(column: Any) -> Any:
    """A sum of whole numbers is a numeric to Postgres."""
    return cast(func.coalesce(func.sum(column), 0), Usage.tokens.type)
