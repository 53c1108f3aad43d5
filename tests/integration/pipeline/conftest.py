"""A migrated database, a job in it, and a keeper of leases that looks often enough for a test."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import asyncpg
import pytest

from db.engine import Sessions, create_engine, session_factory
from pipeline.lease import LeaseKeeper
from stack.backends import Backends
from support.catalog import Home, apply, make_home
from support.emptying import database_url, reused_database_url

__all__ = ["database_url", "reused_database_url"]  # fixtures, taken over

KEEPER = "tests-leases"

Outage = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(database_url, pool_size=10, application_name="tests")
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def home(sessions: Sessions) -> Home:
    return await make_home(sessions)


@pytest.fixture
async def job_id(sessions: Sessions, home: Home) -> UUID:
    [made] = (await apply(sessions, home.change())).values()
    assert made is not None
    return made


@pytest.fixture
def quick_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewals and looks in fractions of a second; the keeper reads these each time."""
    monkeypatch.setattr("pipeline.lease.RENEW_EVERY_SECONDS", 0.1)
    monkeypatch.setattr("pipeline.lease.LOOK_EVERY_SECONDS", 0.05)


@pytest.fixture
def keeper(database_url: str) -> Iterator[LeaseKeeper]:
    """As a worker has it: on a thread, a loop and a connection of its own."""
    keeper = LeaseKeeper(
        lambda: session_factory(create_engine(database_url, pool_size=1, application_name=KEEPER))
    )
    keeper.start()
    yield keeper
    keeper.stop()


@pytest.fixture
def outage(servers: Backends, database_url: str) -> Outage:
    """While it lasts this test's database cuts everybody off and lets nobody in."""
    server_url, name = servers.environment()["DATABASE_URL"], database_url.rpartition("/")[2]

    @asynccontextmanager
    async def outage() -> AsyncIterator[None]:
        administrator = await asyncpg.connect(server_url, timeout=10, ssl=False)
        try:
            await administrator.execute(f"alter database {name} allow_connections false")
            await administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
            )
            yield
        finally:
            await administrator.execute(f"alter database {name} allow_connections true")
            await administrator.close()

    return outage
