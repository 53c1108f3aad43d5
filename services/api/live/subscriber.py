"""What waits to be sent to one client: bounded, so that a slow reader costs nobody else anything.

Events that find no room are not lost: the client is marked `behind`, and its sender reads from
Postgres what it missed. Of ticks only the latest of each job is worth sending.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID

from api.live.frames import EventFrame

EVENTS_WAITING_MAX = 500
TICKS_WAITING_MAX = 200


@dataclass(eq=False, slots=True)
class Subscriber:
    """Only used on the event loop; nothing here waits for the client but `news`."""

    tenant_id: UUID
    api_key_id: UUID
    dataset_id: UUID | None  # None: all of the tenant
    behind: bool = False
    lagged: bool = False  # ticks were dropped
    revoked: bool = False
    _events: deque[EventFrame] = field(default_factory=deque)
    _ticks: dict[str, str] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def wants(self, tenant_id: UUID, dataset_id: UUID) -> bool:
        return tenant_id == self.tenant_id and self.dataset_id in (None, dataset_id)

    def offer_event(self, frame: EventFrame) -> None:
        if self.behind:
            return
        if len(self._events) >= EVENTS_WAITING_MAX:
            self._events.clear()
            self.behind = True
        else:
            self._events.append(frame)
        self._news.set()

    def offer_tick(self, job: str, text: str) -> None:
        if job in self._ticks:
            self.lagged = True  # the one before was not sent yet
        elif len(self._ticks) >= TICKS_WAITING_MAX:
            del self._ticks[next(iter(self._ticks))]
            self.lagged = True
        self._ticks[job] = text
        self._news.set()

    @property
    def waits(self) -> bool:
        """Whether it was offered an event that is not taken yet."""
        return self.behind or bool(self._events)

    def revoke(self) -> None:
        """Its key is not valid any more."""
        self.revoked = True
        self._news.set()

    def begin_anew(self) -> None:
        """Forget what waits: the sender reads it from Postgres, and from here on it is offered."""
        self._events.clear()
        self.behind = False

    def take_events(self) -> list[EventFrame]:
        taken = list(self._events)
        self._events.clear()
        return taken

    def take_ticks(self) -> tuple[list[str], bool]:
        """The ticks to send, and whether some were dropped since they were taken last."""
        taken, dropped = list(self._ticks.values()), self.lagged
        self._ticks.clear()
        self.lagged = False
        return taken, dropped

    async def news(self, seconds: float) -> None:
        """Wait until something is to be sent, at most this long."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()
