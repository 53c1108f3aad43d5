"""A request body, received whole before anything is written to the object store.

The object store writes in place, so a body that breaks off half-way would leave neither the old
object nor the new one; R2 changes an object at once or not at all. Small bodies stay in memory,
large ones go to an unnamed file, so memory stays flat and a kill leaves nothing behind.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import SpooledTemporaryFile

from aiohttp import ClientError, StreamReader

from cloudflare_standin.s3_errors import (
    ContentHashMismatch,
    EntityTooLarge,
    IncompleteBody,
    MissingContentLength,
)

PUT_BYTES_MAX = 5_363_466_240  # 4.995 GiB, R2's limit for one PUT or part
MEMORY_BYTES_MAX = 1024 * 1024
CHUNK_BYTES = 256 * 1024

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class Spool:
    def __init__(self, file: "SpooledTemporaryFile[bytes]", length: int) -> None:
        self._file = file
        self.length = length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """From the start each time: a request may be sent again on a fresh connection."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk

    def read(self) -> bytes:
        """The whole of a body that is known to be small."""
        self._file.seek(0)
        return self._file.read()


@contextmanager
def spool_file(folder: Path) -> Iterator["SpooledTemporaryFile[bytes]"]:
    with SpooledTemporaryFile(max_size=MEMORY_BYTES_MAX, dir=str(folder)) as file:
        yield file


async def receive(
    content: StreamReader,
    file: "SpooledTemporaryFile[bytes]",
    *,
    content_length: int | None,
    payload_hash: str,
    bytes_max: int = PUT_BYTES_MAX,
) -> Spool:
    """Read the body into the file and check it against its declared length and SHA-256."""
    if content_length is None:
        raise MissingContentLength("You must provide the Content-Length HTTP header")
    if content_length > bytes_max:
        raise EntityTooLarge(f"This body must not exceed {bytes_max} bytes")
    digest = hashlib.sha256() if _SHA256_HEX.fullmatch(payload_hash) else None
    received = 0
    try:
        async for chunk in content.iter_chunked(CHUNK_BYTES):
            file.write(chunk)
            received += len(chunk)
            if digest is not None:
                digest.update(chunk)
    except (ClientError, ConnectionError) as exc:
        raise IncompleteBody("The client broke off") from exc
    if received != content_length:
        raise IncompleteBody(f"Got {received} of {content_length} bytes")
    if digest is not None and digest.hexdigest() != payload_hash:
        raise ContentHashMismatch("The body does not match x-amz-content-sha256")
    return Spool(file, received)
