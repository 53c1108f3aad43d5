"""What is remembered between two runs: checksums of files, and uploads that were broken off.

One small SQLite file, so that several commands at once do not spoil it. It only saves work: without
it, files are read to be compared, and an upload in parts begins anew.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from sluice.uploading.files import LocalFile

SCHEMA = """
CREATE TABLE IF NOT EXISTS files_1 (
    server TEXT, dataset_id TEXT, name TEXT,
    size INTEGER, mtime_ns INTEGER,
    part_bytes INTEGER, etag TEXT, upload_id TEXT, task_id TEXT,
    PRIMARY KEY (server, dataset_id, name)
) WITHOUT ROWID
"""
LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """Of one file as it was. `etag` and `task_id` are there once it was sent, `upload_id` while
    parts of it are being sent."""

    part_bytes: int | None = None
    etag: str | None = None
    upload_id: str | None = None
    task_id: str | None = None


class Memory:
    """Of one dataset of one server."""

    def __init__(self, path: Path, server: str, dataset_id: str) -> None:
        self._path = path
        self._of = (server, dataset_id)
        self._usable = self._prepare()

    def recall(self, file: LocalFile) -> Remembered | None:
        """None if nothing is known of the file as it is now."""
        row = self._one(
            "SELECT part_bytes, etag, upload_id, task_id FROM files_1 WHERE server = ? AND "
            "dataset_id = ? AND name = ? AND size = ? AND mtime_ns = ?",
            (*self._of, file.name, file.size, file.mtime_ns),
        )
        return None if row is None else Remembered(*row)

    def abandoned(self, file: LocalFile) -> str | None:
        """The upload in parts of what the file was before it changed."""
        row = self._one(
            "SELECT upload_id FROM files_1 WHERE server = ? AND dataset_id = ? AND name = ? AND "
            "(size <> ? OR mtime_ns <> ?)",
            (*self._of, file.name, file.size, file.mtime_ns),
        )
        return None if row is None else row[0]

    def keep(self, file: LocalFile, known: Remembered) -> None:
        self._one(
            "INSERT OR REPLACE INTO files_1 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*self._of, file.name, file.size, file.mtime_ns, *astuple(known)),
        )

    def _prepare(self) -> bool:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=LOCK_SECONDS)) as database, database:
                database.execute(SCHEMA)
        except (OSError, sqlite3.Error):
            return False  # a read-only home, a full disk
        return True

    def _one(self, statement: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        """Over a connection of its own: threads and forks share none."""
        if not self._usable:
            return None
        try:
            with closing(sqlite3.connect(self._path, timeout=LOCK_SECONDS)) as database, database:
                row: tuple[Any, ...] | None = database.execute(statement, values).fetchone()
                return row
        except sqlite3.Error:
            self._usable = False
            return None


def memory_path(environment: Mapping[str, str] | None = None) -> Path:
    given = os.environ if environment is None else environment
    folder = given.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "sluice" / "uploads.sqlite3"
