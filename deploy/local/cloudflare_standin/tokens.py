"""Opaque, signed tokens for leases and for references to peeked messages.

A lease carries its message and delivery number in itself, so a late acknowledgement can be told
from a made-up one long after the message is gone, and no table of leases has to be kept.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass
from enum import Enum

_BODY = struct.Struct(">16sQI12s")  # queue id, message number, delivery number, nonce
_MAC_BYTES = 16


class Purpose(Enum):
    LEASE = b"lease"
    REFERENCE = b"reference"


@dataclass(frozen=True, slots=True)
class Token:
    queue_id: str  # 32 hex digits
    sequence: int
    attempts: int  # the delivery that the token belongs to


def issue(key: bytes, purpose: Purpose, token: Token) -> str:
    """Every call gives another string, even for the same delivery."""
    body = _BODY.pack(
        bytes.fromhex(token.queue_id), token.sequence, token.attempts, secrets.token_bytes(12)
    )
    return base64.urlsafe_b64encode(body + _mac(key, purpose, body)).decode("ascii").rstrip("=")


def read(key: bytes, purpose: Purpose, text: str) -> Token | None:
    """None if we did not issue it for this purpose."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) != _BODY.size + _MAC_BYTES:
        return None
    body, mac = raw[: _BODY.size], raw[_BODY.size :]
    if not hmac.compare_digest(mac, _mac(key, purpose, body)):
        return None
    queue_id, sequence, attempts, _ = _BODY.unpack(body)
    return Token(queue_id.hex(), sequence, attempts)


def _mac(key: bytes, purpose: Purpose, body: bytes) -> bytes:
    return hmac.new(key, purpose.value + body, hashlib.sha256).digest()[:_MAC_BYTES]
