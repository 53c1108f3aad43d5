"""The schema is what the migrations build, upwards and downwards."""

import asyncio
import subprocess
import sys

import asyncpg
import pytest

from stack.backends import Backends
from stack.layout import REPOSITORY


def alembic(backends: Backends, url: str, *arguments: str) -> str:
    """Its output; fails with it."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=REPOSITORY,
        env={**backends.process_environment(), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_one_head(servers: Backends, database_url: str) -> None:
    heads = alembic(servers, database_url, "heads").split("\n")

    assert len([line for line in heads if line.strip()]) == 1


def test_the_models_say_what_the_migrations_built(servers: Backends, database_url: str) -> None:
    alembic(servers, database_url, "check")


async def test_the_way_up_leads_down_again_and_leaves_nothing(
    servers: Backends, empty_database_url: str
) -> None:
    await asyncio.to_thread(alembic, servers, empty_database_url, "upgrade", "head")
    await asyncio.to_thread(alembic, servers, empty_database_url, "downgrade", "base")

    connection = await asyncpg.connect(empty_database_url)
    tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
    await connection.close()
    assert [row["tablename"] for row in tables] == ["alembic_version"]


async def test_two_deployments_may_migrate_at_once(
    servers: Backends, empty_database_url: str
) -> None:
    await asyncio.gather(
        *(
            asyncio.to_thread(alembic, servers, empty_database_url, "upgrade", "head")
            for _ in range(2)
        )
    )

    await asyncio.to_thread(alembic, servers, empty_database_url, "check")


async def test_a_migration_that_failed_halfway_can_be_run_again(
    servers: Backends, empty_database_url: str
) -> None:
    await asyncio.to_thread(alembic, servers, empty_database_url, "upgrade", "0001")
    connection = await asyncpg.connect(empty_database_url)
    # In the way of an index that is built after the tables were committed.
    await connection.execute("create table ix_jobs_announced ()")
    with pytest.raises(AssertionError, match="ix_jobs_announced"):
        await asyncio.to_thread(alembic, servers, empty_database_url, "upgrade", "head")
    await connection.execute("drop table ix_jobs_announced")
    await connection.close()

    await asyncio.to_thread(alembic, servers, empty_database_url, "upgrade", "head")

    await asyncio.to_thread(alembic, servers, empty_database_url, "check")
