"""Uploads that were announced: documents that are to come, and the URLs given out for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import uuid7
from db.models import Document, UploadHint
from db.repositories.bell import expect_uploads
from db.repositories.history import record_document_event


@dataclass(frozen=True, slots=True)
class Expected:
    """A file that a client wants to upload. `size` in bytes; `metadata` None: as it is."""

    object_key: str
    file_name: str
    content_type: str | None
    size: int | None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Awaited:
    """A document for which a URL was given out and nothing has arrived."""

    object_key: str
    file_name: str


class UploadRepository:
    """The caller holds the dataset (`DatasetRepository.hold`)."""

    def __init__(self, session: AsyncSession, tenant_id: UUID, dataset_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._dataset_id = dataset_id

    async def expect(self, files: Sequence[Expected], *, expiry: timedelta) -> None:
        """Make the documents that are new, and note that a URL was given out for each file.

        A document that exists is to be overwritten; until that happens it stays as it is.
        """
        if not files:
            return
        # In the order of keys, as intake inserts them: two requests cannot block each other.
        new = await self._session.scalars(
            postgresql.insert(Document)
            .values(
                [
                    {
                        "id": uuid7(),
                        "tenant_id": self._tenant_id,
                        "dataset_id": self._dataset_id,
                        "object_key": file.object_key,
                        "file_name": file.file_name,
                        "content_type": file.content_type,
                        "size": file.size,
                        "client_metadata": dict(file.metadata or {}),
                    }
                    for file in sorted(files, key=lambda file: file.object_key)
                ]
            )
            .on_conflict_do_nothing(index_elements=["object_key"])
            .returning(Document)
        )
        for document in new.all():
            record_document_event(self._session, document, "document.expected")
        ids = await self._session.scalars(
            select(Document.id).where(Document.object_key.in_([file.object_key for file in files]))
        )
        await self._describe({each.object_key: each.metadata for each in files})
        await self._session.execute(
            insert(UploadHint).values(
                [
                    {"id": uuid7(), "document_id": document_id, "expires_at": func.now() + expiry}
                    for document_id in ids
                ]
            )
        )
        await expect_uploads(self._session)

    async def _describe(self, metadata: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Replace the metadata of documents that were there before, where any is given."""
        given = {key: dict(each) for key, each in metadata.items() if each is not None}
        if not given:
            return
        # Locked in the order that holds everywhere: two requests cannot block each other.
        documents = await self._session.scalars(
            select(Document)
            .where(Document.object_key.in_(given))
            .order_by(Document.id)
            .with_for_update(key_share=True)
            .execution_options(populate_existing=True)
        )
        for document in documents:
            document.client_metadata = given[document.object_key]
        await self._session.flush()

    async def awaited(self, *, limit: int) -> list[Awaited]:
        """The documents with a URL that nothing has arrived for, the oldest first."""
        rows = await self._session.execute(
            select(Document.object_key, Document.file_name)
            .where(
                Document.dataset_id == self._dataset_id,
                Document.tenant_id == self._tenant_id,
                select(UploadHint.id)
                .where(UploadHint.document_id == Document.id, UploadHint.arrived_at.is_(None))
                .exists(),
            )
            .order_by(Document.id)
            .limit(limit)
        )
        return [Awaited(*row) for row in rows]
