"""Who may follow along: an API key, or a browser that logged in and shows a page of our own."""

from typing import Any
from urllib.parse import urlsplit

from litestar import WebSocket

from api.auth import Authentication, Caller
from api.errors import Unauthenticated
from api.live.closing import Close, Closed
from api.sessions import token_in

CURSOR_DIGITS_MAX = 18


class Entry:
    def __init__(self, authentication: Authentication, *, origins: list[str]) -> None:
        """`origins`: those of pages that may connect, beside the api's own."""
        self._authentication = authentication
        self._origins = frozenset(origin.rstrip("/").lower() for origin in origins)

    async def caller(self, socket: WebSocket[Any, Any, Any]) -> Caller:
        """
        Raises:
            Closed: there is no valid key, or the page belongs to somebody else.
        """
        authorization, token = socket.headers.get("authorization"), token_in(socket)
        try:
            if authorization is None and token is not None:
                # A browser sends the cookie whosever page it is that connects.
                self._check_origin(socket)
                caller, _ = await self._authentication.login(token)
                return caller
            return await self._authentication.caller(authorization)
        except Unauthenticated as error:
            raise Closed(Close.UNAUTHENTICATED, error.message) from error

    def _check_origin(self, socket: WebSocket[Any, Any, Any]) -> None:
        origin = socket.headers.get("origin", "").rstrip("/").lower()
        own = urlsplit(origin).netloc == socket.headers.get("host", "").lower() != ""
        if not own and origin not in self._origins:
            raise Closed(Close.FOREIGN_ORIGIN, "This page may not connect.")


def cursor_of(socket: WebSocket[Any, Any, Any]) -> int | None:
    """The number in the query; None if there is none.

    Raises:
        Closed: it is no number.
    """
    text = socket.query_params.get("cursor")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= CURSOR_DIGITS_MAX):
        raise Closed(Close.INVALID_CURSOR, "cursor must be the number of an event.")
    return int(text)
