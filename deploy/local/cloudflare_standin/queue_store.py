"""Queues and their consumers in SQLite."""

import sqlite3
import time
import uuid
from collections.abc import Callable

from cloudflare_standin.database import Database
from cloudflare_standin.errors import AlreadyExists, ConsumerNotFound, QueueNotFound
from cloudflare_standin.records import Consumer, ConsumerSettings, Queue

Clock = Callable[[], int]  # milliseconds since 1970; leases must outlive a restart, so wall time

RETENTION_SECONDS_DEFAULT = 4 * 24 * 60 * 60
HTTP_PULL = "http_pull"

_SELECT = """
SELECT q.*, c.consumer_id, c.type, c.created_ms AS consumer_created_ms, c.dead_letter_queue,
       c.batch_size, c.max_retries, c.retry_delay_seconds, c.visibility_timeout_ms
FROM queues q LEFT JOIN consumers c ON c.queue_id = q.queue_id
"""


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class QueueStore:
    def __init__(self, database: Database, *, clock: Clock = wall_clock_ms) -> None:
        self._database = database
        self._clock = clock

    def list_queues(self) -> list[Queue]:
        with self._database.transaction() as db:
            return [_queue(row) for row in db.execute(_SELECT + "ORDER BY q.created_ms, q.name")]

    def get_queue(self, queue_id: str) -> Queue:
        with self._database.transaction() as db:
            return load_queue(db, queue_id)

    def create_queue(self, name: str) -> Queue:
        with self._database.transaction() as db:
            if find_queue_id(db, name) is not None:
                raise AlreadyExists(f"a queue named {name} already exists")
            return load_queue(db, self._create(db, name))

    def ensure_queue(self, name: str, consumer: ConsumerSettings) -> Queue:
        """Make the queue and its http_pull consumer be there with these settings."""
        with self._database.transaction() as db:
            queue_id = find_queue_id(db, name) or self._create(db, name)
            self._put_consumer(db, queue_id, HTTP_PULL, consumer)
            return load_queue(db, queue_id)

    def delete_queue(self, queue_id: str) -> None:
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            db.execute("DELETE FROM queues WHERE queue_id = ?", (queue_id,))

    def change_queue(
        self,
        queue_id: str,
        *,
        name: str | None,
        delivery_delay_seconds: int | None,
        delivery_paused: bool | None,
        retention_seconds: int | None,
    ) -> Queue:
        """None leaves a value as it is."""
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            try:
                db.execute(
                    """UPDATE queues SET name = coalesce(?, name),
                           delivery_delay_seconds = coalesce(?, delivery_delay_seconds),
                           delivery_paused = coalesce(?, delivery_paused),
                           retention_seconds = coalesce(?, retention_seconds), modified_ms = ?
                       WHERE queue_id = ?""",
                    (
                        name,
                        delivery_delay_seconds,
                        delivery_paused,
                        retention_seconds,
                        self._clock(),
                        queue_id,
                    ),
                )
            except sqlite3.IntegrityError as exc:
                raise AlreadyExists(f"a queue named {name} already exists") from exc
            return load_queue(db, queue_id)

    def create_consumer(self, queue_id: str, type_: str, settings: ConsumerSettings) -> Consumer:
        with self._database.transaction() as db:
            if load_queue(db, queue_id).consumer is not None:
                raise AlreadyExists("the queue already has a consumer; remove it first")
            return self._put_consumer(db, queue_id, type_, settings)

    def change_consumer(
        self, queue_id: str, consumer_id: str, type_: str, settings: ConsumerSettings
    ) -> Consumer:
        with self._database.transaction() as db:
            _require_consumer(load_queue(db, queue_id), consumer_id)
            return self._put_consumer(db, queue_id, type_, settings)

    def delete_consumer(self, queue_id: str, consumer_id: str) -> None:
        with self._database.transaction() as db:
            _require_consumer(load_queue(db, queue_id), consumer_id)
            db.execute("DELETE FROM consumers WHERE consumer_id = ?", (consumer_id,))

    def _create(self, db: sqlite3.Connection, name: str) -> str:
        queue_id, now = uuid.uuid4().hex, self._clock()
        db.execute(
            """INSERT INTO queues (queue_id, name, created_ms, modified_ms, retention_seconds)
               VALUES (?, ?, ?, ?, ?)""",
            (queue_id, name, now, now, RETENTION_SECONDS_DEFAULT),
        )
        return queue_id

    def _put_consumer(
        self, db: sqlite3.Connection, queue_id: str, type_: str, settings: ConsumerSettings
    ) -> Consumer:
        dead_letters = settings.dead_letter_queue
        if dead_letters and find_queue_id(db, dead_letters) is None:
            self._create(db, dead_letters)  # Cloudflare creates a missing one, too
        db.execute(
            """INSERT INTO consumers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (queue_id) DO UPDATE SET type = excluded.type,
                   dead_letter_queue = excluded.dead_letter_queue,
                   batch_size = excluded.batch_size, max_retries = excluded.max_retries,
                   retry_delay_seconds = excluded.retry_delay_seconds,
                   visibility_timeout_ms = excluded.visibility_timeout_ms""",
            (
                uuid.uuid4().hex,
                queue_id,
                type_,
                self._clock(),
                dead_letters,
                settings.batch_size,
                settings.max_retries,
                settings.retry_delay_seconds,
                settings.visibility_timeout_ms,
            ),
        )
        consumer = load_queue(db, queue_id).consumer
        if consumer is None:
            raise ConsumerNotFound("the consumer vanished while it was written")
        return consumer


def load_queue(db: sqlite3.Connection, queue_id: str) -> Queue:
    """Raise QueueNotFound if there is none; for use inside a transaction."""
    row = db.execute(_SELECT + "WHERE q.queue_id = ?", (queue_id,)).fetchone()
    if row is None:
        raise QueueNotFound("Queue not found")
    return _queue(row)


def find_queue_id(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT queue_id FROM queues WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row["queue_id"])


def _require_consumer(queue: Queue, consumer_id: str) -> None:
    if queue.consumer is None or queue.consumer.consumer_id != consumer_id:
        raise ConsumerNotFound("Consumer not found")


def _queue(row: sqlite3.Row) -> Queue:
    consumer = None
    if row["consumer_id"] is not None:
        consumer = Consumer(
            consumer_id=row["consumer_id"],
            queue_name=row["name"],
            type=row["type"],
            created_ms=row["consumer_created_ms"],
            settings=ConsumerSettings(
                dead_letter_queue=row["dead_letter_queue"],
                batch_size=row["batch_size"],
                max_retries=row["max_retries"],
                retry_delay_seconds=row["retry_delay_seconds"],
                visibility_timeout_ms=row["visibility_timeout_ms"],
            ),
        )
    return Queue(
        queue_id=row["queue_id"],
        name=row["name"],
        created_ms=row["created_ms"],
        modified_ms=row["modified_ms"],
        delivery_delay_seconds=row["delivery_delay_seconds"],
        delivery_paused=bool(row["delivery_paused"]),
        retention_seconds=row["retention_seconds"],
        consumer=consumer,
    )
