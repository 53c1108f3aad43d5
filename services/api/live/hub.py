"""One reader of events a process, and everybody whom it tells.

It looks every 100 ms while somebody listens. A notification of Postgres would be faster by half of
that, and make all commits that write an event queue for the one lock that orders notifications.
"""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog
from prometheus_client import Gauge

from api.live.frames import EventFrame
from api.live.subscriber import Subscriber
from db.engine import Sessions
from db.errors import is_away
from db.repositories.events import EventRepository, EventRow
from db.repositories.tenants import TenantRepository

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.1
IDLE_LOOK_SECONDS = 5.0  # nobody listens: only so that not too much is left to be numbered
AFTER_ERROR_SECONDS = 1.0
KEYS_LOOK_SECONDS = 3.0
NUMBERED_AT_ONCE = 2_000
READ_AT_ONCE = 1_000

LISTENING = Gauge("sluice_live_connections", "Clients that follow events over a WebSocket")


class TooManyListeners(Exception):
    """The process, or one tenant in it, has as many connections as it may."""


class Hub:
    def __init__(
        self, sessions: Sessions, *, listeners_max: int, tenant_listeners_max: int
    ) -> None:
        self._sessions = sessions
        self._listeners_max = listeners_max
        self._tenant_listeners_max = tenant_listeners_max
        self._subscribers: set[Subscriber] = set()
        self._somebody = asyncio.Event()
        self._looking = asyncio.Lock()
        # All events up to it were offered to whoever was there and wants them.
        self.position: int | None = None

    @property
    def somebody(self) -> asyncio.Event:
        """Set while anybody listens."""
        return self._somebody

    async def join(self, subscriber: Subscriber) -> None:
        """Have events offered from here on: all that are not visible to a read after this call.

        Raises:
            TooManyListeners: there is no room for another.
            SQLAlchemyError, OSError: Postgres is away, and no event was ever read.
        """
        if self.position is None:
            await self._look()
        same_tenant = sum(each.tenant_id == subscriber.tenant_id for each in self._subscribers)
        if (
            len(self._subscribers) >= self._listeners_max
            or same_tenant >= self._tenant_listeners_max
        ):
            raise TooManyListeners
        self._subscribers.add(subscriber)
        self._somebody.set()
        LISTENING.set(len(self._subscribers))

    def leave(self, subscriber: Subscriber) -> None:
        self._subscribers.discard(subscriber)
        if not self._subscribers:
            self._somebody.clear()
        LISTENING.set(len(self._subscribers))

    async def catch_up(self) -> None:
        """Number what was committed before this call; raises as a use of Postgres does."""
        while True:
            async with self._sessions.begin() as session:
                done = await EventRepository(session).number(NUMBERED_AT_ONCE, wait=True)
            if done < NUMBERED_AT_ONCE:
                return

    def tell_tick(self, tenant_id: UUID, dataset_id: UUID, job: str, text: str) -> None:
        for each in self._subscribers:
            if each.wants(tenant_id, dataset_id):
                each.offer_tick(job, text)

    async def follow(self) -> None:
        """Read and tell until cancelled."""
        while True:
            pause = await self._try(self._look)
            if pause is None:
                pause = LOOK_SECONDS if self._subscribers else IDLE_LOOK_SECONDS
            await self._rest(pause)

    async def watch_keys(self) -> None:
        """Show out whose key was revoked, until cancelled."""
        while True:
            await self._somebody.wait()
            await self._try(self._check_keys)
            await asyncio.sleep(KEYS_LOOK_SECONDS)

    async def _try(self, look: Callable[[], Awaitable[None]]) -> float | None:
        """None if it went well, else how long to rest."""
        try:
            await look()
        except Exception as error:
            # Whatever it is, the next look may go well, and nothing is lost by it.
            if is_away(error):
                log.warning("live.look_failed", error=type(error).__name__)
            else:
                log.exception("live.unexpected_error", error=type(error).__name__)
            return AFTER_ERROR_SECONDS
        return None

    async def _rest(self, seconds: float) -> None:
        """Sleep, unless somebody comes while nobody was there."""
        if self._subscribers:
            await asyncio.sleep(seconds)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._somebody.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        async with self._looking:
            while not await self._look_once():
                pass

    async def _look_once(self) -> bool:
        """Number, read and tell a bounded share; whether that was all."""
        async with self._sessions.begin() as session:
            numbered = await EventRepository(session).number(NUMBERED_AT_ONCE)
        rows: list[EventRow] = []
        async with self._sessions() as session:
            events = EventRepository(session)
            head = await events.head()
            if self.position is None or not self._subscribers:
                self.position = head
            elif head > self.position:
                # Who joins from here on sees all up to `head` in a read of its own.
                tenants = {each.tenant_id for each in self._subscribers}
                rows = await events.after(
                    self.position, limit=READ_AT_ONCE, tenants=tenants, up_to=head
                )
        for frame in map(EventFrame.of, rows):
            for each in self._subscribers:
                if each.wants(frame.tenant_id, frame.dataset_id):
                    each.offer_event(frame)
        full = len(rows) == READ_AT_ONCE
        self.position = rows[-1].number if full else max(self.position, head)
        return not full and numbered < NUMBERED_AT_ONCE

    async def _check_keys(self) -> None:
        keys = {each.api_key_id for each in self._subscribers}
        async with self._sessions() as session:
            valid = await TenantRepository(session).valid_keys(keys)
        for each in self._subscribers:
            if each.api_key_id in keys - valid:
                each.revoke()
