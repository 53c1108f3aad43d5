"""The bytes of one file to the bucket, in one piece or in parts, streamed from the disk."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from sluice.errors import UploadRefused
from sluice.retrying import Retries, persist
from sluice.uploading.checksums import blocks, content_md5

OnBytes = Callable[[int], None]
FILE_CHANGED = "file_changed"


async def put(
    bucket: httpx.AsyncClient,
    retries: Retries,
    *,
    url: str,
    headers: Mapping[str, str],
    path: Path,
    start: int,
    size: int,
    digest: bytes,
    on_bytes: OnBytes,
) -> httpx.Response:
    """Send `size` bytes from `start` on with their checksum, so that nothing else is stored.

    `on_bytes` hears of every block, and gets a negative number when an attempt begins anew.
    The answer may be a 403: the URL is signed for a while only, and the caller asks for another.

    Raises:
        UploadRefused: the bucket does not take it, or the file is another one by now.
        Unreachable: no answer came.
    """
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        reader = blocks(path, start, size)
        while True:
            block = await asyncio.to_thread(next, reader, None)
            if block is None:
                break
            sent += len(block)
            on_bytes(len(block))
            yield block
        if sent != size:
            raise UploadRefused(f"{path} became shorter while it was sent", code=FILE_CHANGED)

    async def send() -> httpx.Response:
        nonlocal sent
        on_bytes(-sent)
        sent = 0
        return await bucket.put(
            url,
            content=body() if size else b"",
            headers={**headers, "Content-Length": str(size), "Content-MD5": content_md5(digest)},
        )

    answer = await persist(send, retries)
    if answer.is_success:
        return answer
    on_bytes(-sent)
    if answer.status_code == 403:
        return answer
    raise refusal(path, answer)


def refusal(path: Path, answer: httpx.Response) -> UploadRefused:
    """In the words of the bucket, which answers in XML."""
    text = answer.text
    code = _between(text, "<Code>", "</Code>")
    if code == "BadDigest":
        return UploadRefused(f"{path} changed while it was sent", code=FILE_CHANGED)
    said = _between(text, "<Message>", "</Message>") or answer.reason_phrase
    return UploadRefused(f"the bucket refused {path}: {answer.status_code} {code} {said}".rstrip())


def etag_in(answer: httpx.Response) -> str | None:
    text: Any = answer.headers.get("etag")
    return None if text is None else str(text).removeprefix("W/").strip('"')


def _between(text: str, start: str, end: str) -> str:
    _, found, rest = text.partition(start)
    return rest.partition(end)[0] if found else ""
