"""MD5s as an S3 store counts them: what it is told of a body, and what it calls an object by.

An object that was sent in one piece has its MD5 as its ETag; one that was sent in parts has the MD5
of the parts' MD5s, and their number behind a dash. Neither is a secret or a signature.
"""

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

BLOCK_BYTES = 1024 * 1024


def md5_of(path: Path, start: int = 0, size: int | None = None) -> bytes:
    """Of the whole file, or of a part of it."""
    digest = hashlib.md5(usedforsecurity=False)
    for block in blocks(path, start, size):
        digest.update(block)
    return digest.digest()


def etag_of(path: Path, size: int, part_bytes: int | None) -> str:
    """As a store would call it that was sent parts of this size, or with None all at once."""
    if part_bytes is None:
        return md5_of(path).hex()
    starts = range(0, size, part_bytes)
    return joined([md5_of(path, start, min(part_bytes, size - start)) for start in starts])


def joined(parts: list[bytes]) -> str:
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def content_md5(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def blocks(path: Path, start: int = 0, size: int | None = None) -> Iterator[bytes]:
    """At most `size` bytes from `start` on; fewer if the file ends before."""
    left = size
    with path.open("rb") as file:
        file.seek(start)
        while left is None or left > 0:
            block = file.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left))
            if not block:
                return
            yield block
            left = None if left is None else left - len(block)
