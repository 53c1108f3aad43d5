"""One client that follows along: what it missed from Postgres, then what the hub offers."""

import asyncio
from time import monotonic
from typing import Any
from uuid import UUID

from litestar import WebSocket

from api.auth import Caller
from api.live import frames
from api.live.closing import Close, Closed
from api.live.entry import Entry
from api.live.frames import DATASET_DELETED, EventFrame
from api.live.hub import Hub
from api.live.subscriber import Subscriber
from db.engine import Sessions
from db.repositories.datasets import DatasetRepository
from db.repositories.events import EventRepository

PING_SECONDS = 15.0
# A frame that the client and the network between do not take in this time: it is not reading.
SEND_SECONDS = 20.0
READ_AT_ONCE = 500


class Connection:
    """Sends until the client goes or is shown out; `position` is the last event that it has."""

    def __init__(
        self,
        socket: WebSocket[Any, Any, Any],
        sessions: Sessions,
        hub: Hub,
        entry: Entry,
        *,
        caller: Caller,
        dataset_id: UUID | None,
    ) -> None:
        self._socket = socket
        self._sessions = sessions
        self._hub = hub
        self._entry = entry
        self._dataset_id = dataset_id
        self._subscriber = Subscriber(caller.tenant_id, caller.api_key_id, dataset_id)
        self._ping_at = monotonic() + PING_SECONDS
        self.position = 0

    async def serve(self, cursor: int | None) -> None:
        """
        Raises:
            Closed: it is to be closed, and why.
            DatasetNotFound, CursorExpired, TooManyListeners: as their names say.
            SQLAlchemyError, OSError: Postgres is away.
        """
        if self._dataset_id is not None:
            async with self._sessions() as session:
                datasets = DatasetRepository(session, self._subscriber.tenant_id)
                await datasets.check(self._dataset_id)
        await self._hub.join(self._subscriber)
        try:
            await self._begin(cursor)
            await self._catch_up()
            while True:
                await self._send_news()
        finally:
            self._hub.leave(self._subscriber)

    async def _begin(self, cursor: int | None) -> None:
        await self._hub.catch_up()
        async with self._sessions() as session:
            events = EventRepository(session)
            if cursor is None:
                cursor = await events.head()
            else:
                await events.check(cursor)
        self.position = cursor
        await self._send(frames.ready(cursor))

    async def _catch_up(self) -> None:
        """Send what is behind the position, as fast as the client takes it."""
        self._subscriber.begin_anew()
        while True:
            async with self._sessions() as session:
                rows = await EventRepository(session).after(
                    self.position,
                    limit=READ_AT_ONCE,
                    tenants=[self._subscriber.tenant_id],
                    dataset_id=self._dataset_id,
                )
            for row in rows:
                await self._send_event(EventFrame.of(row))
            if len(rows) < READ_AT_ONCE:
                return

    async def _send_news(self) -> None:
        subscriber = self._subscriber
        await subscriber.news(self._ping_at - monotonic())
        if subscriber.revoked:
            raise Closed(Close.UNAUTHENTICATED, "The API key was revoked.")
        if subscriber.behind:
            await self._catch_up()
        for frame in subscriber.take_events():
            await self._send_event(frame)
        ticks, dropped = subscriber.take_ticks()
        if dropped:
            await self._send(frames.lagged())
        for tick in ticks:
            await self._send(tick)
        if monotonic() >= self._ping_at:
            await self._ping()

    async def _ping(self) -> None:
        await self._entry.caller(self._socket)  # a login may have ended
        if not self._subscriber.waits:
            # All up to where the hub is was offered and sent, if any of it was wanted.
            self.position = max(self.position, self._hub.position or 0)
        await self._send(frames.ping(self.position))
        self._ping_at = monotonic() + PING_SECONDS

    async def _send_event(self, frame: EventFrame) -> None:
        if frame.number <= self.position:
            return  # read before it was offered
        await self._send(frame.text)
        self.position = frame.number
        if frame.kind == DATASET_DELETED and frame.dataset_id == self._dataset_id:
            raise Closed(Close.NO_DATASET, "The dataset was deleted.")

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(text)
        except TimeoutError as error:
            raise Closed(Close.TOO_SLOW, "The client reads too slowly.") from error
