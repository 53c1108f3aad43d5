"""What a worker does to a job, without a worker: straight through the repositories."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from db.engine import Sessions
from db.repositories.claims import Claim, ClaimRepository
from db.repositories.documents import Built, DocumentRepository
from db.repositories.jobs import AttemptTally, JobRepository

LEASE = timedelta(minutes=5)


async def claim(sessions: Sessions, job_id: UUID) -> Claim:
    async with sessions.begin() as session:
        claimed = await ClaimRepository(session).claim(job_id, worker="test", lease=LEASE)
    assert claimed is not None
    return claimed


async def complete(
    sessions: Sessions,
    job_id: UUID,
    *,
    chunks: int,
    space: str = "space",
    pages_read: dict[str, Any] | None = None,
) -> int:
    """Switch the document to a new generation of so many chunks; returns the generation."""
    claimed = await claim(sessions, job_id)
    async with sessions.begin() as session:
        documents = DocumentRepository(session)
        generation, _ = await documents.begin_generation(
            claimed,
            etag=f"etag-{claimed.fence}-{job_id}",
            size=5,
            content_type="text/plain",
            last_modified=datetime.now(UTC),
            fingerprint="fingerprint",
        )
        await documents.switch(
            claimed,
            Built(
                generation=generation,
                etag=f"etag-{claimed.fence}-{job_id}",
                fingerprint="fingerprint",
                space=space,
                chunk_count=chunks,
                page_count=1,
                character_count=100,
                media_type="text/plain",
                warnings=(),
                pages_read=pages_read,
            ),
            purge_delay=timedelta(seconds=30),
        )
        assert await JobRepository(session).complete(claimed, AttemptTally(stage="store"))
    return generation


async def fail(sessions: Sessions, job_id: UUID, *, code: str, message: str) -> None:
    claimed = await claim(sessions, job_id)
    async with sessions.begin() as session:
        await JobRepository(session).fail(
            claimed, AttemptTally(), code=code, message=message, etag=None
        )


async def retry_later(sessions: Sessions, job_id: UUID, *, code: str, message: str) -> None:
    claimed = await claim(sessions, job_id)
    async with sessions.begin() as session:
        await JobRepository(session).retry_later(
            claimed,
            AttemptTally(stage="parse"),
            code=code,
            message=message,
            delay=timedelta(minutes=1),
            etag=None,
        )
