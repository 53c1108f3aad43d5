"""A migrated database and a home in it, and a queue of the test's own in the stand-in."""

from collections.abc import AsyncIterator

import pytest

from db.engine import Sessions, create_engine, session_factory
from integration.poller.queues import TestQueue, fresh_queue
from stack.backends import Backends
from support.catalog import Home, make_home


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    engine = create_engine(database_url, pool_size=10, application_name="tests")
    yield session_factory(engine)
    await engine.dispose()


@pytest.fixture
async def home(sessions: Sessions) -> Home:
    return await make_home(sessions)


@pytest.fixture
async def queue(servers: Backends) -> AsyncIterator[TestQueue]:
    servers.start("cloudflare")
    async with fresh_queue(servers.environment()) as fresh:
        yield fresh
