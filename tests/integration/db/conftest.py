"""A migrated database and a home in it."""

from collections.abc import AsyncIterator

import pytest

from db.engine import Sessions, create_engine, session_factory
from support.catalog import Home, make_home


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(database_url, pool_size=10, application_name="tests")
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def home(sessions: Sessions) -> Home:
    return await make_home(sessions)
