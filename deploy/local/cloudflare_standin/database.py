"""The stand-in's SQLite file: its tables, and one thread that owns the connection.

Commits are synchronous, so what a client was told is there after a kill -9 or a power cut.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (
    queue_id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    delivery_delay_seconds INTEGER NOT NULL DEFAULT 0,
    delivery_paused INTEGER NOT NULL DEFAULT 0,
    retention_seconds INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS consumers (
    consumer_id TEXT PRIMARY KEY,
    queue_id TEXT NOT NULL UNIQUE REFERENCES queues ON DELETE CASCADE,
    type TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    dead_letter_queue TEXT NOT NULL,
    batch_size INTEGER NOT NULL,
    max_retries INTEGER NOT NULL,
    retry_delay_seconds INTEGER NOT NULL,
    visibility_timeout_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    queue_id TEXT NOT NULL REFERENCES queues ON DELETE CASCADE,
    message_id TEXT NOT NULL,
    content_type TEXT NOT NULL,
    source TEXT NOT NULL,
    bytes_count INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    visible_at_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    wire_body TEXT NOT NULL
);
-- Holds all that a pull's search and the metrics read, so a long backlog is counted cheaply.
CREATE INDEX IF NOT EXISTS messages_due
    ON messages (queue_id, visible_at_ms, sequence, bytes_count, timestamp_ms);
CREATE INDEX IF NOT EXISTS messages_tried
    ON messages (queue_id, visible_at_ms) WHERE attempts > 0;
CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""


class Database:
    """Used from one thread at a time; see `DatabaseThread`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.executescript(SCHEMA)
        self._connection.execute(
            "INSERT OR IGNORE INTO secrets VALUES ('lease', ?)", (secrets.token_bytes(32),)
        )

    @property
    def lease_key(self) -> bytes:
        row = self._connection.execute("SELECT value FROM secrets WHERE name='lease'").fetchone()
        return bytes(row["value"])

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class DatabaseThread:
    """Runs store calls one after another off the event loop: a commit waits for the disk."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future = self._executor.submit(call, *args, **kwargs)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        self._executor.shutdown(wait=True)
