"""Where the vectors of texts stand, so that an equal text need not be paid for again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, Uuid, any_, delete, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import EmbeddedText

# Of one transaction; a document may have millions.
FORGOTTEN_AT_ONCE = 10_000


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

    async def find(self, keys: Sequence[UUID]) -> dict[UUID, Place]:
        """The places of those that are known; the rows may be gone meanwhile."""
        rows = await self._session.execute(
            select(
                EmbeddedText.key,
                EmbeddedText.dataset_id,
                EmbeddedText.document_id,
                EmbeddedText.generation,
                EmbeddedText.ordinal,
            ).where(EmbeddedText.key == any_(literal(keys, ARRAY(Uuid))))
        )
        return {row[0]: Place(*row[1:]) for row in rows}

    async def note(self, places: Mapping[UUID, Place]) -> None:
        """Newer places take over from older ones."""
        if not places:
            return
        keys = sorted(places)  # in one order for all, so that two of them never wait for each other
        rows = [places[key] for key in keys]
        columns = {
            "key": literal(keys, ARRAY(Uuid)),
            "dataset_id": literal([row.dataset_id for row in rows], ARRAY(Uuid)),
            "document_id": literal([row.document_id for row in rows], ARRAY(Uuid)),
            "generation": literal([row.generation for row in rows], ARRAY(BigInteger)),
            "ordinal": literal([row.ordinal for row in rows], ARRAY(BigInteger)),
        }
        # Arrays, so that any number of rows is one statement, prepared once.
        given = func.unnest(*columns.values()).table_valued(*columns).render_derived()
        added = insert(EmbeddedText).from_select(
            list(columns), select(*(given.c[name] for name in columns))
        )
        await self._session.execute(
            added.on_conflict_do_update(
                index_elements=["key"],
                set_={name: added.excluded[name] for name in list(columns)[1:]},
            )
        )

    async def forget(self, document_id: UUID, *, below: int) -> bool:
        """Forget rows of a document's generations below that one; whether that was all of them."""
        some = (
            select(EmbeddedText.key)
            .where(EmbeddedText.document_id == document_id, EmbeddedText.generation < below)
            .limit(FORGOTTEN_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        gone = await self._session.scalars(
            delete(EmbeddedText)
            .where(EmbeddedText.key.in_(some))
            .returning(EmbeddedText.key)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all()) < FORGOTTEN_AT_ONCE
