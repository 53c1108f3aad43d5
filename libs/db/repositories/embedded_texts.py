"""Where the vectors of texts stand, so that an equal text need not be paid for again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    TableValuedAlias,
    Uuid,
    and_,
    any_,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Document, EmbeddedText

# Of one transaction; a document may have millions.
FORGOTTEN_AT_ONCE = 10_000
PLACE = ("dataset_id", "document_id", "generation", "ordinal")


@dataclass(frozen=True, slots=True)
class Place:
    """A row of the index; the document's tenant is part of the key that led here."""

    dataset_id: UUID
    document_id: UUID
    generation: int
    ordinal: int


class EmbeddedTextRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find(self, keys: Sequence[UUID]) -> dict[UUID, list[Place]]:
        """One or two places of those that are known; the rows may be gone meanwhile."""
        columns = [getattr(EmbeddedText, name) for name in (*PLACE, *_others())]
        rows = await self._session.execute(
            select(EmbeddedText.key, *columns).where(
                EmbeddedText.key == any_(literal(keys, ARRAY(Uuid)))
            )
        )
        return {
            row[0]: [Place(*place) for place in (row[1:5], row[5:9]) if place[1] is not None]
            for row in rows
        }

    async def note(self, places: Mapping[UUID, Place]) -> None:
        """Newer places take over from older ones, which become the other ones. What is purged by
        now, or about to be, is not noted."""
        if not places:
            return
        given = _given(places)
        live = (
            select(Document.id)
            .where(Document.id == given.c.document_id, given.c.generation >= _purge_bound())
            .exists()
        )
        names = ["key", *PLACE]
        added = insert(EmbeddedText).from_select(
            names, select(*(given.c[name] for name in names)).where(live)
        )
        new = added.excluded
        is_another = EmbeddedText.document_id != new.document_id
        others = {
            other: case(
                (is_another, getattr(EmbeddedText, name)), else_=getattr(EmbeddedText, other)
            )
            for name, other in zip(PLACE, _others(), strict=True)
        }
        await self._session.execute(
            added.on_conflict_do_update(
                index_elements=["key"],
                set_={**{name: new[name] for name in PLACE}, **others},
                # What stands there already is not written again.
                where=or_(*(getattr(EmbeddedText, name) != new[name] for name in PLACE[1:])),
            )
        )

    async def note_copies(self, places: Mapping[UUID, Place]) -> None:
        """These stand here too; of texts that have one place so far."""
        if not places:
            return
        given = _given(places)
        lone = (
            select(EmbeddedText.key)
            .where(
                EmbeddedText.key == any_(literal(list(places), ARRAY(Uuid))),
                EmbeddedText.other_document_id.is_(None),
            )
            .with_for_update(skip_locked=True)
        )
        await self._session.execute(
            update(EmbeddedText)
            .where(
                EmbeddedText.key.in_(lone),
                EmbeddedText.key == given.c.key,
                EmbeddedText.document_id != given.c.document_id,
            )
            .values({other: given.c[name] for name, other in zip(PLACE, _others(), strict=True)})
            .execution_options(synchronize_session=False)
        )

    async def forget(self, document_id: UUID, *, below: int) -> bool:
        """Forget rows of a document's generations below that one; whether that was all of them.

        A text that stands elsewhere too is found there from now on.
        """
        nowhere: dict[str, Any] = dict.fromkeys(_others())
        other = {
            name: getattr(EmbeddedText, other) for name, other in zip(PLACE, _others(), strict=True)
        }
        first = and_(EmbeddedText.document_id == document_id, EmbeddedText.generation < below)
        second = and_(
            EmbeddedText.other_document_id == document_id, EmbeddedText.other_generation < below
        )
        has_other = EmbeddedText.other_document_id.is_not(None)
        most = 0
        for statement in (
            update(EmbeddedText).where(_among(second)).values(nowhere),
            update(EmbeddedText).where(_among(first, has_other)).values({**other, **nowhere}),
            delete(EmbeddedText).where(_among(first, ~has_other)),
        ):
            gone = await self._session.scalars(
                statement.returning(EmbeddedText.key).execution_options(synchronize_session=False)
            )
            most = max(most, len(gone.all()))
        return most < FORGOTTEN_AT_ONCE


def _others() -> tuple[str, ...]:
    return tuple(f"other_{name}" for name in PLACE)


def _given(places: Mapping[UUID, Place]) -> TableValuedAlias:
    """Arrays, so that any number of rows is one statement, prepared once."""
    keys = sorted(places)  # in one order for all, so that two of them never wait for each other
    rows = [places[key] for key in keys]
    columns = {
        "key": literal(keys, ARRAY(Uuid)),
        "dataset_id": literal([row.dataset_id for row in rows], ARRAY(Uuid)),
        "document_id": literal([row.document_id for row in rows], ARRAY(Uuid)),
        "generation": literal([row.generation for row in rows], ARRAY(BigInteger)),
        "ordinal": literal([row.ordinal for row in rows], ARRAY(BigInteger)),
    }
    return func.unnest(*columns.values()).table_valued(*columns).render_derived()


def _purge_bound() -> Any:
    """As `purge_bound` in `upkeep.py`."""
    building = case(
        (Document.building_etag.is_not(None), Document.generation), else_=Document.generation + 1
    )
    return func.coalesce(Document.live_generation, building)


def _among(*conditions: Any) -> Any:
    """Whether a row is one of some that fulfil these and nobody else is at."""
    some = (
        select(EmbeddedText.key)
        .where(*conditions)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    return EmbeddedText.key.in_(some)
