"""The API of a test behind a real server, so that sockets can be opened to it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from stack.ports import LOOPBACK, free_ports
from support.api import Api

WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Served:
    server: uvicorn.Server
    port: int
    key: str

    def open(self, path: str, **headers: str) -> connect:
        """A socket at a path below the API's, with the tenant's key unless headers are given."""
        given = headers or {"Authorization": f"Bearer {self.key}"}
        return connect(
            f"ws://{LOOPBACK}:{self.port}/api/v1{path}", additional_headers=given, proxy=None
        )


@asynccontextmanager
async def serving(api: Api) -> AsyncIterator[Served]:
    [port] = free_ports(1)
    config = uvicorn.Config(
        cast(Any, api.app),
        host=LOOPBACK,
        port=port,
        log_config=None,
        lifespan="off",  # the test's application lives already
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(WAIT_SECONDS):
        while not server.started:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)
    key = api.client.headers["Authorization"].removeprefix("Bearer ")
    try:
        yield Served(server, port, key)
    finally:
        server.should_exit = True
        await task


async def frame(socket: ClientConnection, wanted: str | None = None) -> dict[str, Any]:
    """The next message, or the next of this type."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if wanted in (None, message["type"]):
                return message


async def close_code(socket: ClientConnection) -> int | None:
    """Read until the other side closes; its code."""
    async with asyncio.timeout(WAIT_SECONDS):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
    return socket.close_code
