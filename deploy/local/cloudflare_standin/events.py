"""R2's event notifications, put into the queue before the client hears of its success."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import structlog

from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.records import NewMessage
from cloudflare_standin.sender import Sender

Action = Literal["PutObject", "CopyObject", "CompleteMultipartUpload", "DeleteObject"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """`key` as the client spelled it; size and etag (unquoted) are None for a delete."""

    action: Action
    key: str
    size: int | None = None
    etag: str | None = None
    copy_source: tuple[str, str] | None = None


class Notifier:
    def __init__(
        self, sender: Sender, faults: FaultBoard, *, account_id: str, bucket: str, queue_id: str
    ) -> None:
        self._sender = sender
        self._faults = faults
        self._account_id = account_id
        self._bucket = bucket
        self._queue_id = queue_id

    async def notify(self, bucket: str, events: Sequence[ObjectEvent]) -> None:
        """Do nothing for a bucket without notifications; else durable when this returns."""
        if bucket != self._bucket or not events:
            return
        dropped = self._faults.take("events_to_drop", len(events))
        messages = [self._message(event) for event in events[dropped:]]
        if messages:
            await self._sender.send(self._queue_id, messages)
        for event in events[dropped:]:
            log.info("event.queued", action=event.action, key=event.key)

    def _message(self, event: ObjectEvent) -> NewMessage:
        raw = json.dumps(self._body(event), ensure_ascii=False, separators=(",", ":")).encode()
        return NewMessage(base64.b64encode(raw).decode("ascii"), "json", len(raw), "r2")

    def _body(self, event: ObjectEvent) -> dict[str, object]:
        subject: dict[str, object] = {"key": event.key}
        if event.size is not None:
            subject["size"] = event.size
        if event.etag is not None:
            subject["eTag"] = event.etag
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body: dict[str, object] = {
            "account": self._account_id,
            "action": event.action,
            "bucket": self._bucket,
            "object": subject,
            "eventTime": now,
        }
        if event.copy_source is not None:
            body["copySource"] = {"bucket": event.copy_source[0], "object": event.copy_source[1]}
        return body
