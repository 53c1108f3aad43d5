"""The real servers behind the tests, started once per session and only when a test asks.

`backends` has all of them; a test that needs one server asks for that one and waits for no other.
Isolation: a new database per test, a flushed Valkey, a bucket and a collection prefix of its own.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from stack.backends import Backends
from stack.ports import LOOPBACK
from support.buckets import store_client
from support.databases import create_template, fresh_database

TESTS = Path(__file__).parent
WHOLE_PRODUCT = {"e2e", "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What runs in one process when two share the tests.

    Tests of the whole product each start several processes of their own: one after another, beside
    the tests of parts, they have the time that they expect. A file's tests share what it started.
    """
    for item in items:
        folder = item.path.relative_to(TESTS)
        group = "e2e" if folder.parts[0] in WHOLE_PRODUCT else str(folder)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def servers() -> Iterator[Backends]:
    """Nothing started yet: `servers.start("postgres")`."""
    with Backends(embeddings="synthetic") as backends:
        yield backends


@pytest.fixture(scope="session")
def backends(servers: Backends) -> Backends:
    """All servers, ready. A test that harms one must start it again."""
    return servers.start_all()


@pytest.fixture(scope="session")
def model_embeddings() -> Iterator[dict[str, str]]:
    """OPENAI_API_KEY and OPENAI_BASE_URL of a second embeddings server with the real model."""
    with Backends(embeddings="model") as with_model:
        with_model.start("embeddings")
        names = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
        yield {name: with_model.environment()[name] for name in names}


@pytest.fixture(scope="session")
async def database_template(servers: Backends) -> str:
    """The name of a database that the migrations built."""
    servers.start("postgres")
    url = servers.environment()["DATABASE_URL"]
    return await create_template(url, servers.process_environment())


@pytest.fixture
async def database_url(servers: Backends, database_template: str) -> AsyncIterator[str]:
    """A migrated, empty database for this test."""
    url = servers.environment()["DATABASE_URL"]
    async with fresh_database(url, template=database_template) as fresh:
        yield fresh


@pytest.fixture
async def empty_database_url(servers: Backends) -> AsyncIterator[str]:
    """A database that no migration has seen."""
    servers.start("postgres")
    async with fresh_database(servers.environment()["DATABASE_URL"]) as fresh:
        yield fresh


@pytest.fixture
async def redis_url(servers: Backends) -> str:
    """A flushed Valkey."""
    servers.start("valkey")
    url = servers.environment()["REDIS_URL"]
    async with Redis.from_url(url) as redis:
        await redis.flushall()
    return url


@pytest.fixture
async def bucket(servers: Backends) -> str:
    """A new bucket; no events come from it, as in R2 without a notification rule."""
    servers.start("objects")
    name = f"test-{uuid4().hex}"
    direct = f"http://{LOOPBACK}:{servers.ports.objects}"
    async with store_client(servers.environment(), endpoint_url=direct) as client:
        await client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def collection_prefix() -> str:
    """Sets this test's Milvus collections apart from the others'."""
    return f"test_{uuid4().hex}_"


@pytest.fixture
def environment(
    backends: Backends, database_url: str, redis_url: str, collection_prefix: str
) -> dict[str, str]:
    """The public names for a service under test: all servers, a database of its own."""
    return {
        **backends.environment(),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "SLUICE_MILVUS_PREFIX": collection_prefix,
    }
