"""Live events of this process: what runs in its background, and how a socket is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Self
from uuid import UUID

import structlog
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from api.live.closing import Close, Closed
from api.live.connection import Connection
from api.live.entry import Entry, cursor_of
from api.live.hub import Hub, TooManyListeners
from api.live.ticks import pass_ticks
from api.resources import Resources
from api.settings import ApiSettings
from db.engine import Sessions
from db.errors import CursorExpired, DatasetNotFound, is_away

log = structlog.get_logger(__name__)

# To say why to a client that may not read any more.
CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Live:
    sessions: Sessions
    hub: Hub
    entry: Entry

    @classmethod
    @asynccontextmanager
    async def open(cls, resources: Resources, settings: ApiSettings) -> AsyncIterator[Self]:
        hub = Hub(
            resources.sessions,
            listeners_max=settings.live_connections_max,
            tenant_listeners_max=settings.live_connections_per_tenant,
        )
        entry = Entry(resources.authentication, origins=settings.cors_origins)
        async with AsyncExitStack() as stack:
            for work in (
                hub.follow(),
                hub.watch_keys(),
                pass_ticks(resources.redis, hub, namespace=settings.redis_namespace),
            ):
                stack.push_async_callback(_end, asyncio.create_task(work))
            yield cls(resources.sessions, hub, entry)

    async def serve(self, socket: WebSocket[Any, Any, Any], dataset_id: UUID | None) -> None:
        """Follow one dataset, or all of the caller's, until either side ends it."""
        began = monotonic()
        await socket.accept()  # a browser is told a reason only once the socket is open
        sending = asyncio.ensure_future(self._follow(socket, dataset_id))
        listening = asyncio.ensure_future(_until_gone(socket))
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            gone = listening.done()
        finally:
            await _end(listening)
            closed = await _end(sending)
        reason = None if gone or closed is None else closed
        if reason is not None:
            with suppress(WebSocketDisconnect, TimeoutError, RuntimeError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await socket.close(int(reason.code), reason.reason)
        log.info(
            "live.closed",
            code=None if reason is None else int(reason.code),
            seconds=round(monotonic() - began, 1),
        )

    async def _follow(self, socket: WebSocket[Any, Any, Any], dataset_id: UUID | None) -> Closed:
        """Serve the client, and say why that ended."""
        try:
            cursor = cursor_of(socket)
            caller = await self.entry.caller(socket)
            connection = Connection(
                socket, self.sessions, self.hub, self.entry, caller=caller, dataset_id=dataset_id
            )
            await connection.serve(cursor)
        except Closed as closed:
            return closed
        except DatasetNotFound as error:
            return Closed(Close.NO_DATASET, str(error))
        except CursorExpired:
            return Closed(Close.CURSOR_EXPIRED, "Events after this cursor are not kept any more.")
        except TooManyListeners:
            return Closed(Close.TRY_AGAIN, "There are too many connections.")
        except Exception as error:
            if is_away(error):
                return Closed(Close.TRY_AGAIN, "The database does not answer now.")
            log.error("live.failed", exc_info=error)
            return Closed(Close.UNEXPECTED, "This is a fault of the service.")
        raise AssertionError("a connection is served until something ends it")


async def _until_gone(socket: WebSocket[Any, Any, Any]) -> None:
    """Clients have nothing to say; what they send is read and thrown away."""
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_data(mode="text")


async def _end(task: "asyncio.Task[Any]") -> Any:
    """Cancel what still runs; its result, None if there is none."""
    task.cancel()
    with suppress(asyncio.CancelledError, WebSocketDisconnect):
        return await task
    return None
