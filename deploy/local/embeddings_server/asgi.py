"""The little of ASGI that this server needs: read a body, send JSON, break off on purpose."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from embeddings_server.problems import PayloadTooLarge

Message = MutableMapping[str, Any]  # ASGI's own type
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

BODY_BYTES_MAX = 16_000_000  # 300,000 tokens are 2 MB of English, 6 MB of escaped Chinese


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


async def read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            raise PayloadTooLarge(f"The body must have at most {BODY_BYTES_MAX} bytes.")
        if not message.get("more_body", False):
            return b"".join(parts)


async def wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def send_json(
    send: Send, status: int, content: object, *, headers: dict[str, str] | None = None
) -> None:
    await send_bytes(send, status, json.dumps(content).encode(), headers=headers)


async def send_bytes(
    send: Send,
    status: int,
    body: bytes,
    *,
    headers: dict[str, str] | None = None,
    announced_bytes: int | None = None,
) -> None:
    """`announced_bytes` above the body's makes the connection end in the middle of the answer."""
    fields = {
        "content-type": "application/json",
        "content-length": str(len(body) if announced_bytes is None else announced_bytes),
        **(headers or {}),
    }
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
        }
    )
    cut_off = announced_bytes is not None
    await send({"type": "http.response.body", "body": body, "more_body": cut_off})
