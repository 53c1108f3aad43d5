"""R2's event notifications: what one says, and whether it is about a document of ours.

They are read here by the intake, and once more by the API when a person has one replayed.

The format is Cloudflare's: account, action, bucket, object (key, size, eTag), eventTime. Keys are
plain text; unquoting one would turn `a+b.pdf` into another object's name.
"""

import base64
import binascii
import json
import unicodedata
from datetime import datetime
from typing import Any
from uuid import UUID

from db.repositories.changes import Change

CREATED = {"PutObject", "CopyObject", "CompleteMultipartUpload"}
GONE = {"DeleteObject", "LifecycleDeletion"}
OBJECT_BYTES_MAX = 5 * 1024**4  # R2 stores no larger object


class ForeignEvent(ValueError):
    """A message that can make no job; its text is the reason kept with it in quarantine."""


def decoded(body: str) -> dict[str, Any]:
    """The body of a queue's message as a JSON object.

    JSON bodies come as base64, says Cloudflare's documentation; its own example shows plain text,
    so both are read. Base64 of an object begins with `ey`, never with a brace.

    Raises:
        ValueError: it is neither.
        RecursionError: it is nested too deeply to be read.
    """
    try:
        value = json.loads(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("the body is not a JSON object")
    return value


def read_message(body: str, *, bucket: str) -> Change:
    """The change that a queue's message announces.

    Raises:
        ForeignEvent: it can make no job.
    """
    try:
        event = decoded(body)
    except (ValueError, RecursionError):
        raise ForeignEvent("undecodable") from None
    return read_event(event, bucket=bucket)


def read_event(body: dict[str, Any], *, bucket: str) -> Change:
    """The change that an event announces.

    Raises:
        ForeignEvent: it is no event, of another bucket, or of an object that is no document.
    """
    thing = body.get("object")
    key, action = (thing.get("key") if isinstance(thing, dict) else None), body.get("action")
    if not isinstance(thing, dict) or not isinstance(key, str) or not isinstance(action, str):
        raise ForeignEvent("not_an_event")
    if body.get("bucket") != bucket:
        raise ForeignEvent("other_bucket")
    if action not in CREATED | GONE:
        raise ForeignEvent("unknown_action")
    dataset_id, file_name = split_key(key)
    etag = thing.get("eTag")
    return Change(
        dataset_id=dataset_id,
        object_key=unicodedata.normalize("NFC", key),
        file_name=file_name,
        reason="event",
        etag=etag.strip('"') if isinstance(etag, str) else None,
        size=_size(thing.get("size")),
        at=_time(body.get("eventTime")),
        gone=action in GONE,
    )


def split_key(key: str) -> tuple[UUID, str]:
    """The dataset and the file name in an object key `{dataset_id}/{file name}`, NFC-normalised.

    Raises:
        ForeignEvent: the key is not of that form.
    """
    try:
        printable = "\0" not in key and bool(key.encode())
    except UnicodeEncodeError:  # a lone surrogate: no store can hold such a name
        printable = False
    if not printable:
        raise ForeignEvent("not_a_dataset_key")
    head, slash, name = unicodedata.normalize("NFC", key).partition("/")
    try:
        dataset_id = UUID(head)
    except ValueError:
        raise ForeignEvent("not_a_dataset_key") from None
    # Only the canonical spelling: another one would be a second object with one identity.
    if not slash or not name or name.endswith("/") or str(dataset_id) != head:
        raise ForeignEvent("not_a_dataset_key")
    return dataset_id, name


def _size(value: object) -> int | None:
    """Bytes; None if the event does not say. Raises ForeignEvent for what can be no size."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ForeignEvent("not_an_event")
    if not 0 <= value <= OBJECT_BYTES_MAX:  # not even infinite
        raise ForeignEvent("not_an_event")
    return int(value)


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return time if time is not None and time.tzinfo is not None else None
