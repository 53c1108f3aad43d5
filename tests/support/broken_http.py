"""An HTTP server that gives one prepared answer to everything: what networks do to good servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stack.ports import LOOPBACK


@asynccontextmanager
async def answering(raw: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers each request with these bytes and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, LOOPBACK, 0)
    async with server:
        yield f"http://{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
