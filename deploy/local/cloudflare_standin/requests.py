"""Bodies that the Queues API accepts. Unknown fields are ignored, as on the real service.

That includes `visibility_timeout`, a misspelling that circulates: who sends it gets the default.
"""

import base64
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StrictBool, StrictStr

from cloudflare_standin.errors import SchemaInvalid
from cloudflare_standin.records import ConsumerSettings, NewMessage
from cloudflare_standin.settings import (
    DELAY_SECONDS_MAX,
    MAX_RETRIES_LIMIT,
    VISIBILITY_TIMEOUT_MS_MAX,
)

BATCH_MAX = 100
MESSAGE_BYTES_MAX = 128_000  # 128 KB of 1000 bytes
BATCH_BYTES_MAX = 256_000

Delay = Annotated[int, Field(ge=0, le=DELAY_SECONDS_MAX)]
BatchSize = Annotated[int, Field(ge=1, le=BATCH_MAX)]
VisibilityTimeout = Annotated[int, Field(ge=1, le=VISIBILITY_TIMEOUT_MS_MAX)]


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class PullBody(RequestBody):
    batch_size: BatchSize | None = None
    visibility_timeout_ms: VisibilityTimeout | None = None


class PeekBody(RequestBody):
    batch_size: BatchSize = 5


class AckItem(RequestBody):
    lease_id: StrictStr


class RetryItem(RequestBody):
    lease_id: StrictStr
    delay_seconds: Delay | None = None


class AckBody(RequestBody):
    acks: list[AckItem] = []
    retries: list[RetryItem] = []


class SendBody(RequestBody):
    body: JsonValue
    content_type: Literal["json", "text"] = "json"
    delay_seconds: Delay | None = None

    def message(self, *, default_delay: int | None = None) -> NewMessage:
        """Raise SchemaInvalid when it is too large or a text is no string."""
        if self.content_type == "text":
            if not isinstance(self.body, str):
                raise SchemaInvalid("body must be a string when content_type is text")
            raw, wire_body = self.body.encode(), self.body
        else:
            raw = json.dumps(self.body, ensure_ascii=False, separators=(",", ":")).encode()
            wire_body = base64.b64encode(raw).decode("ascii")
        if len(raw) > MESSAGE_BYTES_MAX:
            raise SchemaInvalid(f"message exceeds {MESSAGE_BYTES_MAX} bytes")
        delay = default_delay if self.delay_seconds is None else self.delay_seconds
        return NewMessage(wire_body, self.content_type, len(raw), "api", delay)


class SendBatchBody(RequestBody):
    messages: Annotated[list[SendBody], Field(min_length=1, max_length=BATCH_MAX)]
    delay_seconds: Delay | None = None

    def new_messages(self) -> list[NewMessage]:
        messages = [item.message(default_delay=self.delay_seconds) for item in self.messages]
        if sum(message.bytes_count for message in messages) > BATCH_BYTES_MAX:
            raise SchemaInvalid(f"batch exceeds {BATCH_BYTES_MAX} bytes")
        return messages


class RawMessageBody(RequestBody):
    """For tests: a body that is delivered letter for letter, decodable or not."""

    body: StrictStr
    content_type: StrictStr = "json"

    def message(self) -> NewMessage:
        return NewMessage(self.body, self.content_type, len(self.body.encode()), "standin")


class CreateQueueBody(RequestBody):
    queue_name: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class QueueSettingsBody(RequestBody):
    delivery_delay: Delay | None = None
    delivery_paused: StrictBool | None = None
    message_retention_period: Annotated[int, Field(ge=60, le=14 * 86_400)] | None = None


class ChangeQueueBody(RequestBody):
    queue_name: Annotated[StrictStr, Field(min_length=1, max_length=63)] | None = None
    settings: QueueSettingsBody = QueueSettingsBody()


class ConsumerSettingsBody(RequestBody):
    batch_size: BatchSize = 5
    max_retries: Annotated[int, Field(ge=0, le=MAX_RETRIES_LIMIT)] = 3
    retry_delay: Delay = 0
    visibility_timeout_ms: VisibilityTimeout = 30_000


class ConsumerBody(RequestBody):
    type: Literal["http_pull", "worker"]
    dead_letter_queue: StrictStr = ""
    settings: ConsumerSettingsBody = ConsumerSettingsBody()

    def consumer_settings(self) -> ConsumerSettings:
        return ConsumerSettings(
            dead_letter_queue=self.dead_letter_queue,
            batch_size=self.settings.batch_size,
            max_retries=self.settings.max_retries,
            retry_delay_seconds=self.settings.retry_delay,
            visibility_timeout_ms=self.settings.visibility_timeout_ms,
        )


class PurgeBody(RequestBody):
    delete_messages_permanently: StrictBool = False


class ReferenceItem(RequestBody):
    ref: StrictStr


class PurgeReferencesBody(RequestBody):
    refs: list[ReferenceItem]
