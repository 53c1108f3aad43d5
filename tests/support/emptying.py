"""A database for many small tests: emptied before each, which takes a fraction of copying one."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from stack.backends import Backends
from support.databases import fresh_database


@pytest.fixture(scope="session")
async def reused_database_url(servers: Backends, database_template: str) -> AsyncIterator[str]:
    server_url = servers.environment()["DATABASE_URL"]
    async with fresh_database(server_url, template=database_template) as url:
        yield url


@pytest.fixture
async def database_url(reused_database_url: str) -> str:
    """A migrated, empty database for this test, which no other uses at the same time."""
    connection = await asyncpg.connect(reused_database_url, timeout=10, ssl=False)
    try:
        # What an earlier test has left open must neither hold a lock nor be taken for this one's.
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        tables = await connection.fetch(
            "select quote_ident(tablename) as name from pg_tables"
            " where schemaname = 'public' and tablename <> 'alembic_version'"
        )
        names = ", ".join(table["name"] for table in tables)
        await connection.execute(f"truncate {names} restart identity")
    finally:
        await connection.close()
    return reused_database_url
