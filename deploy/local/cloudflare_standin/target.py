"""A request to the S3 API as it came over the wire, and what it is about."""

import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from cloudflare_standin.s3_errors import InvalidArgument, KeyTooLong

KEY_BYTES_MAX = 1024  # R2's limit


@dataclass(frozen=True, slots=True)
class WireRequest:
    """`path` and `query` are still percent-encoded; header names are in lower case."""

    method: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    def query_pairs(self) -> list[tuple[str, str]]:
        """Decoded, in order; a plus sign stays a plus sign, as in S3."""
        pairs = []
        for part in filter(None, self.query.split("&")):
            name, _, value = part.partition("=")
            pairs.append((decode(name), decode(value)))
        return pairs


@dataclass(frozen=True, slots=True)
class Target:
    """`spelled` is the key as the client wrote it; `key` the one it stands for."""

    bucket: str
    spelled: str

    @property
    def key(self) -> str:
        return fold(self.spelled)


def fold(key: str) -> str:
    """R2 takes keys that differ in Unicode normalisation only for one object."""
    return unicodedata.normalize("NFC", key)


def target_of(path: str) -> Target:
    """Read `/{bucket}/{key}`; an empty bucket is the account, an empty key the bucket.

    Raise InvalidArgument or KeyTooLong.
    """
    bucket, _, key = path.removeprefix("/").partition("/")
    return Target(decode(bucket), checked_key(decode(key)))


def checked_key(key: str) -> str:
    if len(key.encode()) > KEY_BYTES_MAX:
        raise KeyTooLong("Your key is too long")
    segments = key.split("/")
    # R2 takes such keys; a folder on disk cannot hold them, and must not be walked out of.
    if key and ("\0" in key or any(part in {"", ".", ".."} for part in segments)):
        raise InvalidArgument("the local object store cannot hold a key with this path")
    return key


def decode(text: str) -> str:
    """Percent-decode once. Raise InvalidArgument if the bytes are no UTF-8."""
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode()
    except UnicodeError as exc:
        raise InvalidArgument("the path and query must be percent-encoded UTF-8") from exc
