"""What happens on the server, as it happens, over a WebSocket that is opened again when it breaks.

Events are numbered and none is missed: a new connection begins behind the last one that was seen.
Ticks say how far jobs are and are worth nothing once the next one is there.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from sluice.configuration import API_PATH
from sluice.decoding import decode
from sluice.errors import NoLiveEvents, NotFound, api_error
from sluice.models import Event, Page, Tick
from sluice.transport import PAGE_ITEMS, Api, is_local

OPEN_SECONDS = 10.0
FRAME_BYTES_MAX = 1024 * 1024
POLL_SECONDS = 2.0
SILENCE_SECONDS = 20.0  # then the other side is asked for a sign of life
# Close codes that no reconnecting helps against, as the HTTP statuses that they stand for.
REFUSED = {4400: 400, 4401: 401, 4403: 403, 4404: 404, 4410: 410}
# 4410: events this old are kept no more; begin without a cursor.
CLOSED = {4401: "unauthenticated", 4404: "dataset_not_found", 4410: "cursor_expired"}
# A server that has no such socket answers one of these to the handshake, a proxy another.
NO_SOCKET = frozenset({400, 403, 404, 405, 426, 501})


async def frames(
    api: Api, dataset_id: str | None, cursor: int | None = None
) -> AsyncGenerator[dict[str, Any], None]:
    """Every frame of a dataset, or of all; `ready` also comes after each break.

    Raises:
        ApiError: the server refused.
        NoLiveEvents: there is no such socket, or it cannot be reached.
    """
    failures = 0
    while True:
        try:
            async with connect(
                _address(api, _path(dataset_id), cursor),
                additional_headers={"Authorization": api.headers["Authorization"]},
                user_agent_header=api.headers["User-Agent"],
                open_timeout=OPEN_SECONDS,
                ping_interval=SILENCE_SECONDS,
                ping_timeout=SILENCE_SECONDS,
                max_size=FRAME_BYTES_MAX,
                proxy=None if is_local(api.configuration.url) else True,
            ) as socket:
                async for text in socket:
                    frame = _frame(text)
                    failures = 0
                    cursor = frame.get("cursor", cursor)
                    yield frame
        except InvalidStatus as error:
            _refused(error.response.status_code)
        except ConnectionClosed as error:
            _closed(error)
        except (InvalidHandshake, OSError, ValueError) as error:
            if failures >= api.retries.attempts:
                raise NoLiveEvents(f"the socket for events cannot be reached: {error}") from error
        failures += 1
        wait = api.retries.wait(failures, None)
        if wait is None:
            raise NoLiveEvents("the socket for events breaks off again and again")
        await asyncio.sleep(wait)


async def events(
    api: Api, dataset_id: str | None, cursor: int | None = None
) -> AsyncGenerator[Event | Tick, None]:
    """Typed, without the frames that only keep the connection. Behind a proxy that lets no socket
    through, the same events from the API's pages, if there is a cursor to begin at."""
    try:
        async for frame in frames(api, dataset_id, cursor):
            cursor = frame.get("cursor", cursor)
            if frame.get("type") == "event":
                yield decode(Event, frame)
            elif frame.get("type") == "progress":
                yield decode(Tick, frame)
    except NoLiveEvents:
        if cursor is None:
            raise
    assert cursor is not None  # noqa: S101  # for the type checker: frames end with an error only
    async for event in _polled(api, dataset_id, cursor):
        yield event


async def _polled(api: Api, dataset_id: str | None, cursor: int) -> AsyncGenerator[Event, None]:
    while True:
        params = {"cursor": str(cursor), "limit": PAGE_ITEMS}
        try:
            page = await api.call("GET", _path(dataset_id), Page, params=params)
        except NotFound as error:
            if error.code == "dataset_not_found":
                raise
            raise NoLiveEvents("the server tells no events") from error
        for item in page.items:
            yield decode(Event, item)
        cursor = int(page.next_cursor or cursor)
        if not page.items:
            await asyncio.sleep(POLL_SECONDS)


def _path(dataset_id: str | None) -> str:
    return "/events" if dataset_id is None else f"/datasets/{dataset_id}/events"


def _address(api: Api, path: str, cursor: int | None) -> str:
    scheme, _, rest = api.configuration.url.partition("://")
    behind = "" if cursor is None else f"?cursor={cursor}"
    return f"{'wss' if scheme == 'https' else 'ws'}://{rest}{API_PATH}{path}{behind}"


def _frame(text: str | bytes) -> dict[str, Any]:
    frame = json.loads(text)
    if not isinstance(frame, dict):
        raise ValueError("a frame that is no object")  # as for any other bad frame
    return frame


def _refused(status: int) -> None:
    if status == 401:
        raise api_error(401, {"title": "A valid API key is needed", "code": "unauthenticated"})
    if status in NO_SOCKET:
        raise NoLiveEvents(f"the server has no socket for events: it answered {status}")


def _closed(error: ConnectionClosed) -> None:
    code = None if error.rcvd is None else error.rcvd.code
    if code in REFUSED:
        reason = "" if error.rcvd is None else error.rcvd.reason
        title = reason or f"the socket was closed with {code}"
        raise api_error(REFUSED[code], {"title": title, "code": CLOSED.get(code)})
