"""The three services as real processes, once for all tests of a module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack.backends import Backends
from support.product import Client, Product, running_product


@pytest.fixture(scope="module")
async def product(
    backends: Backends, database_template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Product]:
    """Poller, one worker and the api, on a database and a Redis namespace of their own."""
    folder = tmp_path_factory.mktemp("services")
    async with running_product(backends, database_template, folder) as running:
        yield running


@pytest.fixture
async def client(product: Product) -> AsyncIterator[Client]:
    async with product.client() as ready:
        yield ready


@pytest.fixture(scope="session")
def samples() -> dict[str, bytes]:
    """The files of `make demo`: one of every type that is read."""
    folder = Path(__file__).parents[1] / "data" / "demo"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
