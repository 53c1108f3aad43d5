"""The API over the real servers; see `support/api.py`.

One application serves all tests: each has a tenant of its own, and tenants do not see each other.
"""

from collections.abc import AsyncIterator

import pytest

from stack.backends import Backends
from support.api import Api, new_tenant, own_environment, running


@pytest.fixture(scope="session")
async def shared_environment(
    backends: Backends, database_template: str
) -> AsyncIterator[dict[str, str]]:
    async with own_environment(backends, database_template) as environment:
        yield environment


@pytest.fixture(scope="session")
async def shared_api(shared_environment: dict[str, str]) -> AsyncIterator[Api]:
    """For tests that only look at answers."""
    async with running(shared_environment) as found:
        yield found


@pytest.fixture
async def api_environment(
    backends: Backends, database_template: str
) -> AsyncIterator[dict[str, str]]:
    """For tests that start the API with a setting of their own."""
    async with own_environment(backends, database_template) as environment:
        yield environment


@pytest.fixture
async def api(shared_api: Api) -> AsyncIterator[Api]:
    """With a tenant that has nothing yet."""
    async with new_tenant(shared_api.app, shared_api.sessions) as found:
        yield found
