"""The three services as real processes, once for all tests of a module."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from stack.backends import Backends
from support.databases import fresh_database
from support.product import Client, Product

# What a deployment would set to minutes is seconds here, so that a test can wait for it.
QUICK = {
    "SLUICE_RETRY_DELAYS": "1,1,1",
    "SLUICE_AUDIT_SECONDS": "5",
    "SLUICE_AUDIT_GRACE_SECONDS": "3",
    "SLUICE_PARSERS": "2",
}


@pytest.fixture(scope="module")
async def product(
    backends: Backends, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """Poller, one worker and the api, on a database and a Redis namespace of their own."""
    url = backends.environment()["DATABASE_URL"]
    async with fresh_database(url, template=database_template) as database_url:
        running = Product(
            backends,
            {
                **QUICK,
                "DATABASE_URL": database_url,
                "SLUICE_REDIS_NAMESPACE": f"e2e-{uuid4().hex[:8]}",
                "SLUICE_MILVUS_PREFIX": f"e2e_{uuid4().hex[:8]}_",
            },
            tmp_path_factory.mktemp("services"),
        )
        try:
            yield running.start()
        finally:
            running.close()


@pytest.fixture
async def client(product: Product) -> AsyncIterator[Client]:
    async with product.client() as ready:
        yield ready


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """The files of `make demo`: one of every type that is read."""
    folder = Path(__file__).parents[1] / "data" / "demo"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
