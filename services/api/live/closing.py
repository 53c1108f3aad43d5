"""Why a socket is closed, in numbers that clients act on. 1012 is the server's own, at its end."""

from dataclasses import dataclass
from enum import IntEnum


class Close(IntEnum):
    """The numbers from 4400 on are ours, after the HTTP status that they are like."""

    UNEXPECTED = 1011
    TRY_AGAIN = 1013  # Postgres is away, or there are too many connections
    INVALID_CURSOR = 4400
    UNAUTHENTICATED = 4401
    FOREIGN_ORIGIN = 4403
    NO_DATASET = 4404
    TOO_SLOW = 4408
    CURSOR_EXPIRED = 4410


@dataclass(frozen=True, slots=True)
class Closed(Exception):
    """The connection is to be closed for this reason, which is shown: at most 123 bytes."""

    code: Close
    reason: str
