"""A small server on loopback, and clients that lose no time."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sluice import AsyncClient
from support.small_sluice import KEY, QUICK, SmallSluice, serving


@pytest.fixture
async def server() -> AsyncIterator[SmallSluice]:
    async with serving(SmallSluice()) as running:
        yield running


@pytest.fixture
async def client(server: SmallSluice, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    memory = tmp_path / "state" / "uploads.sqlite3"
    async with AsyncClient(server.url, KEY, retries=QUICK, memory=memory) as ready:
        yield ready


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "papers"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text("alpha")
    (made / "sub" / "b.txt").write_text("beta")
    (made / ".hidden").write_text("not meant")
    return made
