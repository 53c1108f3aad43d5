"""A migrated database, a home in it and a queue for each test; stores for them all."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from db.engine import Sessions, create_engine, session_factory
from integration.poller.bucket import Bucket
from integration.poller.queues import TestQueue, fresh_queue
from pipeline.settings import ObjectStoreSettings, VectorStoreSettings
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client
from support.catalog import Home, make_home
from support.emptying import database_url, reused_database_url

__all__ = ["database_url", "reused_database_url"]  # fixtures, taken over


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


# The stores are shared, since opening them takes most of a test's time. What is compared and
# deleted belongs to datasets of each test's own; what earlier tests have left belongs to nobody.


@pytest.fixture(scope="session")
async def vectors(servers: Backends) -> AsyncIterator[VectorStore]:
    servers.start("milvus")
    settings = VectorStoreSettings.model_validate(
        {**servers.environment(), "SLUICE_MILVUS_PREFIX": f"test_{uuid4().hex}_"}
    )
    async with VectorStore.open(settings) as store:
        yield store


@pytest.fixture(scope="session")
async def uploads(servers: Backends) -> AsyncIterator[Bucket]:
    """A bucket that no events come from, as if all of them were lost."""
    servers.start("objects")
    direct = f"http://{LOOPBACK}:{servers.ports.objects}"
    async with store_client(servers.environment(), endpoint_url=direct) as client:
        bucket = Bucket(client, f"test-{uuid4().hex}", direct)
        await bucket.create()
        yield bucket


@pytest.fixture(scope="session")
async def objects(servers: Backends, uploads: Bucket) -> AsyncIterator[ObjectStore]:
    """The bucket of the uploads, which also holds what is derived."""
    settings = ObjectStoreSettings.model_validate(
        {
            **servers.environment(),
            "R2_BUCKET": uploads.name,
            "SLUICE_R2_DERIVED_BUCKET": uploads.name,
            "SLUICE_R2_ENDPOINT_URL": uploads.endpoint_url,
        }
    )
    async with ObjectStore.open(settings) as store:
        yield store
