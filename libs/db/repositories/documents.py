"""A document's generations: allocated, switched to, removed. Locks documents before jobs."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Dataset, Document, Job
from db.repositories.claims import Claim
from db.repositories.history import record_document_event
from db.repositories.jobs import JobRepository


@dataclass(frozen=True, slots=True)
class Target:
    """What an attempt works on: the document as it is now, and its dataset's settings."""

    document_id: UUID
    dataset_id: UUID
    tenant_id: UUID
    object_key: str
    file_name: str
    content_type: str | None
    deleted_at: datetime | None
    deleted_etag: str | None
    deleted_modified: datetime | None
    dataset_deleted: bool
    live_generation: int | None
    live_etag: str | None
    live_fingerprint: str | None
    chunk_strategy: str
    chunk_size: int
    chunk_overlap: int
    chunk_heading_prefix: bool
    live_space: str
    languages: tuple[str, ...] = ()
    live_image_space: str | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """What a finished generation holds."""

    generation: int
    etag: str
    fingerprint: str
    space: str
    chunk_count: int
    page_count: int | None
    character_count: int
    media_type: str
    warnings: tuple[str, ...]
    # `with_text` and `by_ocr` count pages, `notes` are objects with `page`, `reason`, and perhaps
    # `confidence` and `uncovered`.
    pages_read: dict[str, Any] | None = None
    # None: no image endpoint is configured, and no picture was looked for.
    image_space: str | None = None
    image_count: int = 0


class DocumentRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._jobs = JobRepository(session)

    async def target(self, document_id: UUID) -> Target:
        row = (
            await self._session.execute(
                select(Document, Dataset)
                .join(Dataset, Dataset.id == Document.dataset_id)
                .where(Document.id == document_id)
            )
        ).one()
        document, dataset = row
        return Target(
            document_id=document.id,
            dataset_id=dataset.id,
            tenant_id=document.tenant_id,
            object_key=document.object_key,
            file_name=document.file_name,
            content_type=document.content_type,
            deleted_at=document.deleted_at,
            deleted_etag=document.deleted_etag,
            deleted_modified=document.deleted_modified,
            dataset_deleted=dataset.deleted_at is not None,
            live_generation=document.live_generation,
            live_etag=document.live_etag,
            live_fingerprint=document.live_fingerprint,
            chunk_strategy=dataset.chunk_strategy,
            chunk_size=dataset.chunk_size,
            chunk_overlap=dataset.chunk_overlap,
            chunk_heading_prefix=dataset.chunk_heading_prefix,
            live_space=dataset.live_space,
            languages=tuple(dataset.languages),
            live_image_space=document.live_image_space,
        )

    async def begin_generation(
        self,
        claim: Claim,
        *,
        etag: str,
        size: int,
        content_type: str | None,
        last_modified: datetime,
        fingerprint: str,
    ) -> tuple[int, bool]:
        """The generation to write for this version, and whether an earlier attempt began it.

        Raises:
            FenceRaised: the claim is no longer the job's.
        """
        document = await self._lock(claim.document_id)
        await self._jobs.check(claim)
        overtaken = document.event_etag not in (None, etag) and (
            document.event_time is not None and document.event_time > last_modified
        )
        if not overtaken:  # else a delete would be taken for one of this older version
            document.etag, document.size = etag, size
        document.content_type, document.last_modified = content_type, last_modified
        begun = (
            document.building_etag == etag
            and document.building_fingerprint == fingerprint
            and document.generation > (document.live_generation or 0)
        )
        if not begun:
            document.generation += 1
            document.building_etag, document.building_fingerprint = etag, fingerprint
        return document.generation, begun

    async def switch(self, claim: Claim, built: Built, *, purge_delay: timedelta) -> None:
        """Make a generation the one that search shows; the older ones may be purged after a while.

        Raises:
            FenceRaised: the claim is no longer the job's.
        """
        document = await self._lock(claim.document_id)
        await self._jobs.check(claim)
        document.live_generation = built.generation
        document.live_etag = built.etag
        document.live_fingerprint = built.fingerprint
        document.live_space = built.space
        document.live_at = await self._now()
        document.building_etag = document.building_fingerprint = document.judged_etag = None
        document.chunk_count = built.chunk_count
        document.live_image_space = built.image_space
        document.image_count = built.image_count
        document.page_count = built.page_count
        document.character_count = built.character_count
        document.media_type = built.media_type
        document.warnings = list(built.warnings)
        document.pages_read = built.pages_read
        document.removed_at = document.removed_unasked_at = None
        if built.generation > 1:
            document.purge_after = document.live_at + purge_delay
        document.updated_at = document.live_at
        record_document_event(
            self._session,
            document,
            "document.searchable",
            job_id=claim.job_id,
            chunks=built.chunk_count,
        )
        await self._session.flush()

    async def hold(self, claim: Claim) -> None:
        """Lock the document for the rest of the transaction, before its job."""
        await self._lock(claim.document_id)

    async def unchanged(self, claim: Claim, *, last_modified: datetime) -> None:
        """The live generation is already what it should be; the object may have been written anew.

        Raises:
            FenceRaised: the claim is no longer the job's.
        """
        document = await self._lock(claim.document_id)
        await self._jobs.check(claim)
        document.last_modified = last_modified
        document.removed_at = document.removed_unasked_at = None
        await self._session.flush()

    async def remove(self, claim: Claim, *, asked: bool, purge_delay: timedelta) -> None:
        """The object is gone: nothing of the document is searchable from this commit on.

        `asked` says whether a client deleted it here; if not, and if anybody could find it, it
        counts for the removal guard. The
        rows go twice: now by the caller, and once more after `purge_delay`, for what a stale
        attempt may still have written.
        """
        document = await self._lock(claim.document_id)
        await self._jobs.check(claim)
        now = await self._now()
        if document.removed_at is None:
            document.removed_at = now
            searchable = document.live_generation is not None
            document.removed_unasked_at = now if searchable and not asked else None
            record_document_event(self._session, document, "document.removed", job_id=claim.job_id)
        document.live_generation = document.live_etag = document.live_fingerprint = None
        document.live_space = document.live_at = document.live_image_space = None
        document.building_etag = document.building_fingerprint = None
        document.chunk_count = document.image_count = 0
        document.etag = document.last_modified = document.judged_etag = None
        document.purge_after = now + purge_delay
        document.updated_at = now
        await self._session.flush()

    async def void_tombstone(self, claim: Claim, *, purge_delay: timedelta) -> None:
        """A newer upload came after the delete: the document lives again, its old rows do not."""
        document = await self._lock(claim.document_id)
        await self._jobs.check(claim)
        document.deleted_at = document.deleted_etag = document.deleted_modified = None
        document.purge_after = await self._now() + purge_delay
        record_document_event(self._session, document, "document.restored", job_id=claim.job_id)
        await self._jobs.remove_no_more(claim)
        await self._session.flush()

    async def told_gone(self, claim: Claim) -> bool:
        """Whether the bucket's own event said that the object was deleted, the last of all news."""
        told = await self._session.scalar(
            select(Document.id)
            .join(Job, Job.document_id == Document.id)
            .where(
                Job.id == claim.job_id,
                Job.reason == "event",
                Document.event_time.is_not(None),
                Document.event_etag.is_(None),
            )
        )
        return told is not None

    async def unasked_removals(self, *, tenant_id: UUID, within: timedelta) -> tuple[int, int]:
        """How many documents went lately without being asked to, and how many there are in all."""
        removed = await self._session.scalar(
            select(func.count())
            .select_from(Document)
            .where(
                Document.tenant_id == tenant_id,
                Document.removed_unasked_at.is_not(None),
                Document.removed_unasked_at > func.now() - within,
            )
        )
        total = await self._session.scalar(
            select(func.count())
            .select_from(Document)
            .where(Document.tenant_id == tenant_id, Document.live_generation.is_not(None))
        )
        return removed or 0, total or 0

    async def note_language(self, dataset_id: UUID, language: str) -> None:
        """The dataset holds text of this language, from before search can show any of it."""
        await self._session.execute(
            update(Dataset)
            .where(Dataset.id == dataset_id, ~Dataset.languages.contains([language]))
            .values(languages=Dataset.languages.concat([language]))
        )

    async def _lock(self, document_id: UUID) -> Document:
        return (
            await self._session.scalars(
                select(Document)
                .where(Document.id == document_id)
                .with_for_update(key_share=True)
                .execution_options(populate_existing=True)
            )
        ).one()

    async def _now(self) -> datetime:
        return (await self._session.execute(select(func.now()))).scalar_one()
