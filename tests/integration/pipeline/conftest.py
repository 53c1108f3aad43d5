"""A migrated database, a job in it, and a keeper of leases that looks often enough for a test."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from db.engine import Sessions, create_engine, session_factory
from pipeline.lease import LeaseKeeper
from support.catalog import Home, apply, make_home

KEEPER = "tests-leases"


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
