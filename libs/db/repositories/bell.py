"""What wakes the poller when a transaction commits, and which jobs it is woken for."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import Status

UNFINISHED = (Status.QUEUED, Status.PROCESSING)

# Postgres delivers these when the transaction commits; the poller listens.
JOBS_CHANNEL = "sluice_jobs"  # there may be something due
UPLOADS_CHANNEL = "sluice_uploads"  # an upload URL was given out


async def ring(session: AsyncSession) -> None:
    """Tell the announcer, on commit, that there may be something due."""
    await session.execute(select(func.pg_notify(JOBS_CHANNEL, "")))


async def expect_uploads(session: AsyncSession) -> None:
    """Tell the intake, on commit, that events will come soon."""
    await session.execute(select(func.pg_notify(UPLOADS_CHANNEL, "")))
