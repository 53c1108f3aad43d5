"""Messages in SQLite: at-least-once delivery with leases, attempts, delays and dead letters.

A message is due when `visible_at_ms` has passed; a lease is nothing but a `visible_at_ms` in the
future. So an expired lease needs no sweep to return its message, and survives a restart.
"""

import random
import sqlite3
import uuid
from collections.abc import Sequence

from cloudflare_standin import message_rows, tokens
from cloudflare_standin.database import Database
from cloudflare_standin.errors import DeliveryPaused, PullNotEnabled
from cloudflare_standin.queue_store import HTTP_PULL, Clock, load_queue, wall_clock_ms
from cloudflare_standin.records import (
    AckResult,
    ConsumerSettings,
    Delivery,
    Metrics,
    NewMessage,
    Queue,
)
from cloudflare_standin.tokens import Purpose, Token

EXPIRE_EVERY_MS = 60_000  # retention is counted in days; looking at every pull would be waste


class MessageStore:
    def __init__(self, database: Database, *, clock: Clock = wall_clock_ms) -> None:
        self._database = database
        self._clock = clock
        self._key = database.lease_key
        self._expired_at_ms = 0

    def send(self, queue_id: str, messages: Sequence[NewMessage]) -> Metrics:
        """All or none of them; durable when this returns."""
        with self._database.transaction() as db:
            queue = load_queue(db, queue_id)
            now = self._clock()
            for message in messages:
                delay = message.delay_seconds
                if delay is None:
                    delay = queue.delivery_delay_seconds
                message_rows.insert(
                    db,
                    queue_id,
                    message,
                    message_id=uuid.uuid4().hex,
                    timestamp_ms=now,
                    visible_at_ms=now + delay * 1000,
                )
            return message_rows.metrics(db, queue_id)

    def pull(
        self,
        queue_id: str,
        *,
        batch_size: int | None,
        visibility_timeout_ms: int | None,
        shuffle: bool = False,
    ) -> tuple[list[Delivery], Metrics]:
        """Lease due messages; None takes the consumer's setting."""
        with self._database.transaction() as db:
            consumer = _require_pull(load_queue(db, queue_id))
            now = self._clock()
            self._settle(db, now)
            rows = db.execute(
                """SELECT * FROM messages WHERE queue_id = ? AND visible_at_ms <= ?
                   ORDER BY visible_at_ms, sequence LIMIT ?""",
                (queue_id, now, batch_size or consumer.batch_size),
            ).fetchall()
            if shuffle:
                random.shuffle(rows)
            hidden_until = now + (visibility_timeout_ms or consumer.visibility_timeout_ms)
            db.executemany(
                """UPDATE messages SET attempts = attempts + 1, visible_at_ms = ?
                   WHERE sequence = ?""",
                [(hidden_until, row["sequence"]) for row in rows],
            )
            deliveries = [
                self._delivery(row, Purpose.LEASE, attempts=row["attempts"] + 1) for row in rows
            ]
            return deliveries, message_rows.metrics(db, queue_id)

    def peek(self, queue_id: str, batch_size: int) -> list[Delivery]:
        """The oldest messages, leased or not, without touching them."""
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            self._settle(db, self._clock())
            rows = db.execute(
                "SELECT * FROM messages WHERE queue_id = ? ORDER BY sequence LIMIT ?",
                (queue_id, batch_size),
            )
            return [
                self._delivery(row, Purpose.REFERENCE, attempts=row["attempts"]) for row in rows
            ]

    def acknowledge(
        self, queue_id: str, acks: Sequence[str], retries: Sequence[tuple[str, int | None]]
    ) -> AckResult:
        """Late acks count, as on the real queue; a retry only counts for the latest delivery."""
        result = AckResult()
        with self._database.transaction() as db:
            consumer = _require_pull(load_queue(db, queue_id), paused_ok=True)
            now = self._clock()
            self._settle(db, now)
            for lease in acks:
                token = self._read(queue_id, Purpose.LEASE, lease)
                if token is None:
                    result.warnings[lease] = "lease_id is not valid for this queue"
                    continue
                message_rows.delete(db, token)
                result.acked += 1
            for lease, delay_seconds in retries:
                token = self._read(queue_id, Purpose.LEASE, lease)
                delay = consumer.retry_delay_seconds if delay_seconds is None else delay_seconds
                warning = message_rows.retry(db, consumer, token, now=now, delay_seconds=delay)
                if warning is None:
                    result.retried += 1
                else:
                    result.warnings[lease] = warning
        return result

    def make_visible(self, sequences: Sequence[int]) -> None:
        """End leases at once without telling their holders: the switch for repeated delivery."""
        with self._database.transaction() as db:
            db.executemany(
                "UPDATE messages SET visible_at_ms = ? WHERE sequence = ?",
                [(self._clock(), sequence) for sequence in sequences],
            )

    def purge(self, queue_id: str) -> None:
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            db.execute("DELETE FROM messages WHERE queue_id = ?", (queue_id,))

    def purge_references(self, queue_id: str, references: Sequence[str]) -> dict[str, str]:
        """Delete peeked messages; warnings by reference."""
        warnings: dict[str, str] = {}
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            for reference in references:
                token = self._read(queue_id, Purpose.REFERENCE, reference)
                if token is None:
                    warnings[reference] = "ref is not valid for this queue"
                else:
                    message_rows.delete(db, token)
        return warnings

    def metrics(self, queue_id: str) -> Metrics:
        with self._database.transaction() as db:
            load_queue(db, queue_id)
            self._settle(db, self._clock())
            return message_rows.metrics(db, queue_id)

    def _settle(self, db: sqlite3.Connection, now: int) -> None:
        """Bury messages whose last lease ran out, in every queue, and drop those too old."""
        exhausted = db.execute(
            """SELECT m.*, c.dead_letter_queue FROM consumers c
               JOIN messages m INDEXED BY messages_tried ON m.queue_id = c.queue_id
               WHERE m.attempts > 0 AND m.visible_at_ms <= ? AND m.attempts > c.max_retries""",
            (now,),
        ).fetchall()
        for row in exhausted:
            message_rows.bury(db, row, row["dead_letter_queue"], now)
        if now - self._expired_at_ms >= EXPIRE_EVERY_MS:
            self._expired_at_ms = now
            db.execute(
                """DELETE FROM messages WHERE timestamp_ms < ? - 1000 * (
                       SELECT retention_seconds FROM queues q
                       WHERE q.queue_id = messages.queue_id)""",
                (now,),
            )

    def _delivery(self, row: sqlite3.Row, purpose: Purpose, *, attempts: int) -> Delivery:
        token = Token(row["queue_id"], row["sequence"], attempts)
        return Delivery(
            token=tokens.issue(self._key, purpose, token),
            sequence=row["sequence"],
            message_id=row["message_id"],
            wire_body=row["wire_body"],
            content_type=row["content_type"],
            source=row["source"],
            timestamp_ms=row["timestamp_ms"],
            attempts=attempts,
        )

    def _read(self, queue_id: str, purpose: Purpose, text: str) -> Token | None:
        token = tokens.read(self._key, purpose, text)
        return None if token is None or token.queue_id != queue_id else token


def _require_pull(queue: Queue, *, paused_ok: bool = False) -> ConsumerSettings:
    if queue.consumer is None or queue.consumer.type != HTTP_PULL:
        raise PullNotEnabled("HTTP pull is not enabled on this queue")
    if queue.delivery_paused and not paused_ok:
        raise DeliveryPaused("queue_delivery_paused")
    return queue.consumer.settings
