"""An ear on Postgres: notifications wake whoever waits for work, milliseconds after a commit.

It only saves time. Whoever listens looks by a timer as well, so a lost notification costs a moment.
"""

import asyncio

import asyncpg
import structlog

log = structlog.get_logger(__name__)

AGAIN_SECONDS = 1.0
CONNECT_SECONDS = 10.0


class Listener:
    """Each channel has an event, set when something was notified; its reader clears it."""

    def __init__(self, database_url: str | None) -> None:
        """`database_url`: a direct connection, no transaction pooler; None hears nothing."""
        self._url = database_url
        self._events: dict[str, asyncio.Event] = {}

    @property
    def hears(self) -> bool:
        return self._url is not None

    def channel(self, name: str) -> asyncio.Event:
        """The event of a channel; ask before `run`."""
        return self._events.setdefault(name, asyncio.Event())

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop`, connecting anew whenever the connection is lost."""
        if self._url is None:
            return
        while not stop.is_set():
            try:
                await self._listen(stop, self._url)
            except Exception as error:
                # Whatever it is, the timers go on without an ear.
                log.warning("listener.failed", error=type(error).__name__)
                await sleep(AGAIN_SECONDS, stop)

    async def _listen(self, stop: asyncio.Event, url: str) -> None:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            for name, event in self._events.items():
                await connection.add_listener(name, lambda *_, event=event: event.set())
                event.set()  # for what was committed before the ear was open
            await first_of(stop, lost)
        finally:
            connection.terminate()


async def sleep(seconds: float, *events: asyncio.Event) -> None:
    """Sleep until one of the events is set, at most this long."""
    try:
        async with asyncio.timeout(seconds):
            await first_of(*events)
    except TimeoutError:
        return


async def first_of(*events: asyncio.Event) -> None:
    """Wait until one of the events is set."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
