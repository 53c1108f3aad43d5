"""Events in the order in which they became visible: numbered, read from a cursor on, forgotten.

An id is drawn from its sequence before the commit, so a lower one may appear after a higher one,
and who reads by ids misses it. So a number is drawn for an event once its transaction is seen to
have committed, by one transaction at a time: whoever reads by numbers misses nothing, whatever
other transactions are open (`docs/decisions/0009`). Readers number what they find: whatever is
committed before `number` is called has its number afterwards, or gets it from who is at it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import CursorExpired
from db.models import Dataset, Event
from db.models.ledger import EVENT_NUMBERS

# Any constant will do; it lets one transaction at a time draw numbers.
NUMBERING_LOCK = 7_305_117
# As the partial indexes have it.
IS_NUMBERED = Event.number.is_not(None)
IS_UNNUMBERED = Event.number.is_(None)


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event that has its number."""

    number: int
    at: datetime
    kind: str
    tenant_id: UUID
    dataset_id: UUID
    document_id: UUID | None
    job_id: UUID | None
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(
            number=event.number or 0,
            at=event.created_at,
            kind=event.kind,
            tenant_id=event.tenant_id,
            dataset_id=event.dataset_id,
            document_id=event.document_id,
            job_id=event.job_id,
            data=event.data,
        )


class EventRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def number(self, limit: int, *, wait: bool = False) -> int:
        """Number the committed events that have none, at most `limit`; returns how many.

        The caller does nothing else in the transaction and commits at once: others queue for it
        (`wait`), or leave the work to it and see its numbers the next time they look.
        """
        if not await self._session.scalar(select(exists().where(IS_UNNUMBERED))):
            return 0
        if wait:
            await self._session.execute(select(func.pg_advisory_xact_lock(NUMBERING_LOCK)))
        elif not await self._session.scalar(select(func.pg_try_advisory_xact_lock(NUMBERING_LOCK))):
            return 0
        # A statement of its own, so that it sees what the lock's holder before has numbered.
        fresh = (
            select(Event.id).where(IS_UNNUMBERED).order_by(Event.id).limit(limit).subquery("fresh")
        )
        drawn = select(fresh.c.id, EVENT_NUMBERS.next_value().label("number")).cte("drawn")
        rows = await self._session.scalars(
            update(Event)
            .where(Event.id == drawn.c.id)
            .values(number=drawn.c.number)
            .returning(Event.id)
            .execution_options(synchronize_session=False)
        )
        return len(rows.all())

    async def head(self) -> int:
        """The highest number there is; 0 before the first event."""
        return (await self._bounds())[1]

    async def beginning(self) -> int:
        """The cursor that all events follow that are kept."""
        return (await self._bounds())[0] - 1

    async def check(self, cursor: int) -> None:
        """Whether all that came after `cursor` is still there.

        Raises:
            CursorExpired: some of it was forgotten, or no event ever had so high a number.
        """
        first, last = await self._bounds()
        if not first - 1 <= cursor <= last:
            raise CursorExpired(cursor)

    async def after(
        self,
        cursor: int,
        *,
        limit: int,
        tenants: Collection[UUID] | None = None,
        dataset_id: UUID | None = None,
        up_to: int | None = None,
    ) -> list[EventRow]:
        """The first events behind `cursor`, in their order: of some tenants, of one dataset."""
        conditions: list[ColumnElement[bool]] = [IS_NUMBERED, Event.number > cursor]
        if tenants is not None:
            conditions.append(Event.tenant_id.in_(tenants))
        if dataset_id is not None:
            conditions.append(Event.dataset_id == dataset_id)
        if up_to is not None:
            conditions.append(Event.number <= up_to)
        rows = await self._session.scalars(
            select(Event).where(*conditions).order_by(Event.number).limit(limit)
        )
        return [EventRow.of(event) for event in rows]

    async def forget(self, *, older_than: timedelta, limit: int) -> int:
        """Delete the oldest events, at most `limit`; returns how many.

        Always all up to some number, so that the lowest that is left tells what is gone.
        """
        oldest = (
            select(Event.number, Event.created_at)
            .where(IS_NUMBERED)
            .order_by(Event.number)
            .limit(limit)
            .cte("oldest")
        )
        young = select(func.min(oldest.c.number)).where(
            oldest.c.created_at >= func.now() - older_than
        )
        end = func.coalesce(
            young.scalar_subquery(), select(func.max(oldest.c.number) + 1).scalar_subquery()
        )
        rows = await self._session.scalars(
            delete(Event)
            .where(IS_NUMBERED, Event.number < end)
            .returning(Event.id)
            .execution_options(synchronize_session=False)
        )
        return len(rows.all())

    async def _bounds(self) -> tuple[int, int]:
        """The lowest number that is kept, and the highest that was ever visible."""
        lowest = select(func.min(Event.number)).where(IS_NUMBERED).scalar_subquery()
        highest = select(func.max(Event.number)).where(IS_NUMBERED).scalar_subquery()
        first, last = (await self._session.execute(select(lowest, highest))).one()
        if last is not None:
            return first, last
        # All are forgotten, or there never was any.
        drawn = await self._session.scalar(
            text("select case when is_called then last_value else 0 end from event_numbers")
        )
        return (drawn or 0) + 1, drawn or 0


async def record_dataset_event(
    session: AsyncSession, condition: ColumnElement[bool], kind: str, **data: Any
) -> None:
    """Write down what happened to the datasets that meet a condition on `Dataset`."""
    told = select(
        Dataset.tenant_id, Dataset.id, literal(kind), literal(data, Event.data.type)
    ).where(condition)
    await session.execute(
        insert(Event).from_select(["tenant_id", "dataset_id", "kind", "data"], told)
    )
