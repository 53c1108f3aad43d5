"""Rows to begin a test with: a tenant, a dataset, a document with a job."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from db.engine import Sessions
from db.models import Dataset, Document, Job, Tenant
from db.repositories.changes import Change, ChangeRepository
from pipeline.queue import LARGE_BYTES

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Home:
    """Where a test's documents live."""

    tenant_id: UUID
    dataset_id: UUID

    def change(
        self, name: str = "a.txt", *, etag: str | None = "e1", minute: int = 0, gone: bool = False
    ) -> Change:
        """An event about a file, `minute` minutes after the epoch of the tests."""
        return Change(
            dataset_id=self.dataset_id,
            object_key=f"{self.dataset_id}/{name}",
            file_name=name,
            reason="event",
            etag=etag,
            size=10,
            at=LONG_AGO + timedelta(minutes=minute),
            gone=gone,
        )


async def make_home(
    sessions: Sessions, *, space: str = "space_test", tenant_id: UUID | None = None
) -> Home:
    """A dataset, of a tenant of its own or of the one that is given."""
    async with sessions.begin() as session:
        if tenant_id is None:
            tenant = Tenant(name=f"tenant-{uuid4().hex[:8]}")
            session.add(tenant)
            await session.flush()
            tenant_id = tenant.id
        dataset = Dataset(tenant_id=tenant_id, name="papers", live_space=space, updated_at=LONG_AGO)
        session.add(dataset)
        await session.flush()
        return Home(tenant_id, dataset.id)


async def apply(sessions: Sessions, *changes: Change) -> dict[str, UUID | None]:
    async with sessions.begin() as session:
        return await ChangeRepository(session).apply(changes, large_bytes=LARGE_BYTES)


async def job_of(sessions: Sessions, job_id: UUID) -> Job:
    async with sessions() as session:
        return (await session.scalars(select(Job).where(Job.id == job_id))).one()


async def jobs_of(sessions: Sessions, home: Home) -> list[Job]:
    async with sessions() as session:
        rows = await session.scalars(
            select(Job).where(Job.dataset_id == home.dataset_id).order_by(Job.id)
        )
        return list(rows)


async def document_of(sessions: Sessions, home: Home, name: str = "a.txt") -> Document:
    async with sessions() as session:
        rows = await session.scalars(
            select(Document).where(Document.object_key == f"{home.dataset_id}/{name}")
        )
        return rows.one()
