"""The API over the real servers; see `support/api.py`."""

from collections.abc import AsyncIterator

import pytest

from support.api import Api, running


@pytest.fixture
async def api(environment: dict[str, str]) -> AsyncIterator[Api]:
    async with running(environment) as found:
        yield found
