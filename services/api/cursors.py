"""Where a list goes on: the last item's id, and what the order goes by if that is something else.

Wrapped, so that nobody builds one by hand.
"""

import base64
import binascii
from uuid import UUID

from api.errors import FieldError, InvalidRequest
from db.repositories.job_list import JobSort, Place

VERSION = b"\x01"
# Of jobs in an order of their own: each order has its mark, and its cursors suit no other.
MARKS = {JobSort.FINISHED: b"\x02", JobSort.LONGEST: b"\x03", JobSort.COSTLIEST: b"\x04"}
NUMBER = b"\x05"
BEHIND = -1  # all that has a value
VALUE_MAX = 2**62
FINISHED_MAX = 220_000_000_000 * 1_000_000  # microseconds; before the end of the calendar
CURSOR_CHARS_MAX = 64


def encode_cursor(last_id: UUID) -> str:
    return _wrapped(VERSION + last_id.bytes)


def decode_cursor(cursor: str | None) -> UUID | None:
    """The id in a cursor; None at the start of a list.

    Raises:
        InvalidRequest: this is no cursor of ours.
    """
    return None if cursor is None else UUID(bytes=_unwrapped(cursor, VERSION, 16))


def encode_place(place: Place, sort: JobSort) -> str:
    mark = MARKS.get(sort)
    if mark is None:
        return encode_cursor(place.job_id)
    value = BEHIND if place.value is None else place.value
    return _wrapped(mark + value.to_bytes(8, signed=True) + place.job_id.bytes)


def decode_place(cursor: str | None, sort: JobSort) -> Place | None:
    """Where a list of jobs in that order goes on; None at its start.

    Raises:
        InvalidRequest: this is no cursor of ours, or that of another order.
    """
    mark = MARKS.get(sort)
    if cursor is None or mark is None:
        last_id = decode_cursor(cursor)
        return None if last_id is None else Place(last_id)
    raw = _unwrapped(cursor, mark, 24)
    value = int.from_bytes(raw[:8], signed=True)
    if (sort is JobSort.FINISHED and value >= FINISHED_MAX) or not BEHIND <= value <= VALUE_MAX:
        raise _no_cursor()
    return Place(UUID(bytes=raw[8:]), None if value == BEHIND else value)


def encode_number(number: int) -> str:
    return _wrapped(NUMBER + number.to_bytes(8))


def decode_number(cursor: str) -> int:
    """
    Raises:
        InvalidRequest: this is no cursor of ours.
    """
    number = int.from_bytes(_unwrapped(cursor, NUMBER, 8))
    if number > VALUE_MAX:
        raise _no_cursor()
    return number


def _wrapped(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unwrapped(cursor: str, mark: bytes, size: int) -> bytes:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != len(mark) + size or not raw.startswith(mark):
        raise _no_cursor()
    return raw[len(mark) :]


def _no_cursor() -> InvalidRequest:
    return InvalidRequest(
        FieldError(
            "cursor",
            "is not a cursor of this list; take `next_cursor` of the page before as it is",
        )
    )
