"""What a search asks of the tables: where to look, what is live, and what is known of a document.

The tables decide, never the index: a document that was deleted, replaced or given other metadata
is so at once, whatever rows the index still holds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import DatasetNotFound
from db.models import Dataset, Document

Scalar = str | int | float | bool


class Comparison(StrEnum):
    EQUALS = "eq"
    IN = "in"
    FROM = "gte"
    TO = "lte"


@dataclass(frozen=True, slots=True)
class DocumentCondition:
    """What must hold of a document: of `media_type`, `uploaded_at`, or a key of its metadata.

    `values` holds one value but for `in`. Values of another type than the stored one never match.
    """

    name: str
    comparison: Comparison
    values: tuple[Scalar, ...] | tuple[datetime, ...]
    is_metadata: bool = False


@dataclass(frozen=True, slots=True)
class SearchedDataset:
    """`languages` are those of its text; `space` the embedding space that it searches."""

    id: UUID
    space: str
    languages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundDocument:
    """What a hit says of its document. `uploaded_at` by the object store's clock."""

    dataset_id: UUID
    object_key: str
    file_name: str
    media_type: str | None
    uploaded_at: datetime | None
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ImagePlace:
    """Of the generation that search shows; `space` None: no picture was looked for."""

    dataset_id: UUID
    generation: int
    space: str | None
    images: int


class SearchRepository:
    """Everything here is scoped to a tenant: another tenant's documents do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def datasets(
        self, wanted: Collection[UUID] | None, *, limit: int
    ) -> list[SearchedDataset]:
        """These datasets, or the tenant's newest.

        Raises:
            DatasetNotFound: the tenant has no such dataset, or it was deleted.
        """
        query = (
            select(Dataset.id, Dataset.live_space, Dataset.languages)
            .where(Dataset.tenant_id == self._tenant_id, Dataset.deleted_at.is_(None))
            .order_by(Dataset.id.desc())
            .limit(limit)
        )
        if wanted is not None:
            query = query.where(Dataset.id.in_(wanted))
        found = [
            SearchedDataset(dataset_id, space, tuple(languages))
            for dataset_id, space, languages in await self._session.execute(query)
        ]
        for missing in set(wanted or ()) - {dataset.id for dataset in found}:
            raise DatasetNotFound(missing)
        return found

    async def live_generations(
        self,
        document_ids: Collection[UUID],
        *,
        datasets: Collection[UUID],
        where: Sequence[DocumentCondition] = (),
    ) -> dict[UUID, int]:
        """The generation that search may show of each document; absent: none, it was deleted, is
        not in these datasets, or is not what was asked for."""
        rows = await self._session.execute(
            select(Document.id, Document.live_generation)
            .join(Dataset, Dataset.id == Document.dataset_id)
            .where(
                Document.id.in_(document_ids),
                Dataset.deleted_at.is_(None),
                *self._shown(datasets),
                *(_holds(condition) for condition in where),
            )
        )
        return {document_id: generation for document_id, generation in rows if generation}

    async def matching(
        self,
        *,
        datasets: Collection[UUID],
        where: Sequence[DocumentCondition],
        limit: int,
    ) -> list[UUID]:
        """Searchable documents of which the conditions hold, `limit` of them at most."""
        return list(
            await self._session.scalars(
                select(Document.id)
                .where(*self._shown(datasets), *(_holds(condition) for condition in where))
                .limit(limit)
            )
        )

    async def any_searchable(self, datasets: Collection[UUID]) -> bool:
        """Whether these datasets hold a document with passages that search may show."""
        return await self._any(datasets, Document.chunk_count > 0)

    async def any_images(self, datasets: Collection[UUID], space: str) -> bool:
        """Whether these datasets hold a document with pictures in that space."""
        return await self._any(
            datasets, Document.live_image_space == space, Document.image_count > 0
        )

    async def any_without_images(self, datasets: Collection[UUID], space: str) -> bool:
        """Whether a searchable document of these datasets was indexed while no image endpoint was
        configured, or another one."""
        return await self._any(datasets, Document.live_image_space.is_distinct_from(space))

    async def image_place(self, document_id: UUID) -> ImagePlace | None:
        """Where the pictures of a searchable document are; None if there is no such document."""
        row = (
            await self._session.execute(
                select(
                    Document.dataset_id,
                    Document.live_generation,
                    Document.live_image_space,
                    Document.image_count,
                )
                .join(Dataset, Dataset.id == Document.dataset_id)
                .where(
                    Document.id == document_id,
                    Document.tenant_id == self._tenant_id,
                    Document.deleted_at.is_(None),
                    Document.live_generation.is_not(None),
                    Dataset.deleted_at.is_(None),
                )
            )
        ).one_or_none()
        if row is None:
            return None
        dataset_id, generation, space, images = row
        return ImagePlace(dataset_id, generation or 0, space, images)

    async def _any(self, datasets: Collection[UUID], *conditions: ColumnElement[bool]) -> bool:
        found = await self._session.scalar(
            select(Document.id).where(*self._shown(datasets), *conditions).limit(1)
        )
        return found is not None

    async def found(self, document_ids: Collection[UUID]) -> dict[UUID, FoundDocument]:
        rows = await self._session.scalars(
            select(Document).where(
                Document.id.in_(document_ids), Document.tenant_id == self._tenant_id
            )
        )
        return {
            row.id: FoundDocument(
                dataset_id=row.dataset_id,
                object_key=row.object_key,
                file_name=row.file_name,
                media_type=row.media_type,
                uploaded_at=row.last_modified,
                metadata=row.client_metadata,
            )
            for row in rows
        }

    def _shown(self, datasets: Collection[UUID]) -> list[ColumnElement[bool]]:
        return [
            Document.tenant_id == self._tenant_id,
            Document.dataset_id.in_(datasets),
            Document.live_generation.is_not(None),
            Document.deleted_at.is_(None),
        ]


def _holds(condition: DocumentCondition) -> ColumnElement[bool]:
    if condition.is_metadata:
        return _metadata_holds(condition)
    column: Any = {"media_type": Document.media_type, "uploaded_at": Document.last_modified}[
        condition.name
    ]
    first = condition.values[0]
    holds: ColumnElement[bool]
    match condition.comparison:
        case Comparison.FROM:
            holds = column >= first
        case Comparison.TO:
            holds = column <= first
        case Comparison.EQUALS | Comparison.IN:
            holds = column.in_(condition.values)
    return holds


def _metadata_holds(condition: DocumentCondition) -> ColumnElement[bool]:
    stored: Any = Document.client_metadata
    if condition.comparison in (Comparison.EQUALS, Comparison.IN):
        # Containment is what the index on the column answers.
        return or_(*(stored.contains({condition.name: value}) for value in condition.values))
    [value] = condition.values
    field = stored[condition.name]
    wanted = literal(value, JSONB)
    # JSONB orders every number below every text; only its own type may compare.
    kind = "number" if isinstance(value, int | float) else "string"
    compared = field >= wanted if condition.comparison is Comparison.FROM else field <= wanted
    return and_(func.jsonb_typeof(field) == kind, compared)
