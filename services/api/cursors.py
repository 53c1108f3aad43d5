"""Where a list goes on: the id of the last item, wrapped so that nobody builds one by hand."""

import base64
import binascii
from uuid import UUID

from api.errors import FieldError, InvalidRequest

VERSION = b"\x01"
CURSOR_CHARS_MAX = 64


def encode_cursor(last_id: UUID) -> str:
    return base64.urlsafe_b64encode(VERSION + last_id.bytes).decode().rstrip("=")


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor; None at the start of a list.

    Raises:
        InvalidRequest: this is no cursor of ours.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 17 or not raw.startswith(VERSION):
        raise InvalidRequest(
            FieldError("cursor", "is not a cursor; take `next_cursor` of the page before as it is")
        )
    return UUID(bytes=raw[1:])
