"""The values that pass between the queue's store and its HTTP API."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ConsumerSettings:
    dead_letter_queue: str = ""
    batch_size: int = 5
    max_retries: int = 3
    retry_delay_seconds: int = 0
    visibility_timeout_ms: int = 30_000


@dataclass(frozen=True, slots=True)
class Consumer:
    consumer_id: str
    queue_name: str
    type: str
    created_ms: int
    settings: ConsumerSettings


@dataclass(frozen=True, slots=True)
class Queue:
    queue_id: str
    name: str
    created_ms: int
    modified_ms: int
    delivery_delay_seconds: int
    delivery_paused: bool
    retention_seconds: int
    consumer: Consumer | None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """`wire_body` is the string that a pull will show; `bytes_count` the size before encoding."""

    wire_body: str
    content_type: str
    bytes_count: int
    source: str
    delay_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as pulled (token is a lease) or peeked (token is a reference)."""

    token: str
    sequence: int
    message_id: str
    wire_body: str
    content_type: str
    source: str
    timestamp_ms: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Metrics:
    backlog_count: int
    backlog_bytes: int
    oldest_message_timestamp_ms: int  # 0 when the queue is empty


@dataclass(slots=True)
class AckResult:
    acked: int = 0
    retried: int = 0
    warnings: dict[str, str] = field(default_factory=dict)  # by lease
