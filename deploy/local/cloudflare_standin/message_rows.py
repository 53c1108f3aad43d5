"""Single steps on message rows, for use inside a transaction of the message store."""

import sqlite3

from cloudflare_standin.queue_store import find_queue_id
from cloudflare_standin.records import ConsumerSettings, Metrics, NewMessage
from cloudflare_standin.tokens import Token


def metrics(db: sqlite3.Connection, queue_id: str) -> Metrics:
    row = db.execute(
        """SELECT count(*) AS count, coalesce(sum(bytes_count), 0) AS bytes,
                  coalesce(min(timestamp_ms), 0) AS oldest
           FROM messages INDEXED BY messages_due WHERE queue_id = ?""",
        (queue_id,),
    ).fetchone()
    return Metrics(row["count"], row["bytes"], row["oldest"])


def retry(
    db: sqlite3.Connection,
    consumer: ConsumerSettings,
    token: Token | None,
    *,
    now: int,
    delay_seconds: int,
) -> str | None:
    """None if done, else why not."""
    if token is None:
        return "lease_id is not valid for this queue"
    row = db.execute("SELECT * FROM messages WHERE sequence = ?", (token.sequence,)).fetchone()
    if row is None:
        return "the message is no longer in the queue"
    if row["attempts"] != token.attempts:
        return "the lease has expired and the message was delivered again"
    if row["attempts"] > consumer.max_retries:
        bury(db, row, consumer.dead_letter_queue, now)
        return None
    db.execute(
        "UPDATE messages SET visible_at_ms = ? WHERE sequence = ?",
        (now + delay_seconds * 1000, token.sequence),
    )
    return None


def insert(
    db: sqlite3.Connection,
    queue_id: str,
    message: NewMessage,
    *,
    message_id: str,
    timestamp_ms: int,
    visible_at_ms: int,
) -> None:
    db.execute(
        """INSERT INTO messages (queue_id, message_id, content_type, source, bytes_count,
               timestamp_ms, visible_at_ms, wire_body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            queue_id,
            message_id,
            message.content_type,
            message.source,
            message.bytes_count,
            timestamp_ms,
            visible_at_ms,
            message.wire_body,
        ),
    )


def delete(db: sqlite3.Connection, token: Token) -> None:
    db.execute(
        "DELETE FROM messages WHERE sequence = ? AND queue_id = ?",
        (token.sequence, token.queue_id),
    )


def bury(db: sqlite3.Connection, row: sqlite3.Row, dead_letter_queue: str, now: int) -> None:
    """Move a message that used up its retries; without a dead-letter queue it is gone for good.

    It gets a new sequence number, so an old lease cannot reach it in its new queue, and a new
    timestamp, so the new queue's retention starts afresh.
    """
    target = find_queue_id(db, dead_letter_queue) if dead_letter_queue else None
    if target is not None:
        message = NewMessage(
            wire_body=row["wire_body"],
            content_type=row["content_type"],
            bytes_count=row["bytes_count"],
            source=row["source"],
        )
        insert(
            db,
            target,
            message,
            message_id=row["message_id"],
            timestamp_ms=now,
            visible_at_ms=now,
        )
    db.execute("DELETE FROM messages WHERE sequence = ?", (row["sequence"],))
