"""Runs migrations against `DATABASE_URL`, one transaction each, never waiting long for a lock."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import async_url
from db.models import Base

# Serialises two deployments that migrate at once; any constant will do.
MIGRATION_LOCK = 7_305_112
LOCK_PAUSE_SECONDS = 0.5
# Those of an extension that a server need not have; the models do not know of them.
OPTIONAL_INDEXES = frozenset({"ix_documents_file_name"})


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=False,
        include_name=lambda name, kind, _: kind != "index" or name not in OPTIONAL_INDEXES,
    )
    with context.begin_transaction():
        context.run_migrations()


async def main() -> None:
    url = context.config.attributes.get("database_url") or os.environ.get("DATABASE_URL")
    if not url:
        raise SystemExit("DATABASE_URL is not set: say which database to migrate.")
    engine = create_async_engine(
        async_url(url),
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"lock_timeout": "10s", "statement_timeout": "600s"}},
    )
    async with engine.connect() as connection:
        # Asked again and again rather than waited for: a session that waits for a lock has a
        # snapshot, and an index that is built concurrently waits for all older snapshots.
        while not await connection.scalar(text(f"select pg_try_advisory_lock({MIGRATION_LOCK})")):
            await connection.commit()
            await asyncio.sleep(LOCK_PAUSE_SECONDS)
        await connection.commit()
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; there is no offline mode.")
asyncio.run(main())
