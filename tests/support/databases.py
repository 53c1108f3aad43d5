"""A fresh, migrated database for every test, at the price of copying a few megabytes.

The migrations run once per session into a template; Postgres copies a template in some 50 ms.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from stack.layout import REPOSITORY

TEMPLATE = "sluice_template"
MIGRATE_SECONDS = 60


def on_database(url: str, name: str) -> str:
    """The same server's URL for another of its databases."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def create_template(server_url: str, process_environment: Mapping[str, str]) -> str:
    """Create a database by the migrations; its name is the answer."""
    await _execute(server_url, f"CREATE DATABASE {TEMPLATE}")
    migrated = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=REPOSITORY,
        env={**process_environment, "DATABASE_URL": on_database(server_url, TEMPLATE)},
        capture_output=True,
        text=True,
        timeout=MIGRATE_SECONDS,
        check=False,
    )
    assert migrated.returncode == 0, migrated.stderr
    return TEMPLATE


@asynccontextmanager
async def fresh_database(server_url: str, *, template: str = "template1") -> AsyncIterator[str]:
    """The URL of a new copy of the template; dropped at the end with whoever is still connected."""
    name = f"test_{uuid4().hex}"
    await _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield on_database(server_url, name)
    finally:
        await _execute(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=10, ssl=False)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
