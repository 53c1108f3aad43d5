"""What surrounds every request, also those that match no route: a request id, security headers,
a time limit, a line in the log and a count.

It wraps the whole application from outside, since errors of the routing never reach a middleware
of the framework.
"""

import asyncio
import re
from datetime import timedelta
from time import perf_counter
from typing import Any
from uuid import uuid4

import structlog
from litestar import Litestar, Request
from litestar.datastructures import MutableScopeHeaders
from litestar.enums import ScopeType
from litestar.types import HTTPScope, Message, Receive, Scope, Send

from api.errors import RequestTimedOut
from api.metrics import Metrics
from api.problems import problem_response

log = structlog.get_logger()

REQUEST_ID_FORMAT = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a proxy's own; anything else is replaced
KNOWN_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
SECURITY_HEADERS = {
    # Answers are data; the pages that run scripts bring a policy of their own.
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Envelope:
    """The ASGI application that is served. `litestar` is what it wraps."""

    def __init__(self, litestar: Litestar, metrics: Metrics, *, request_timeout: timedelta) -> None:
        self.litestar = litestar
        self._metrics = metrics
        self._timeout_seconds = request_timeout.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._http(scope, receive, send)
        else:
            await self.litestar(scope, receive, send)

    async def _http(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request_id = _request_id(scope)
        started = perf_counter()
        status = 0
        cors = self.litestar.cors_config is not None

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableScopeHeaders.from_message(message)
                headers["x-request-id"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    if not (cors and name == "cross-origin-resource-policy"):
                        headers.setdefault(name, value)
            await send(message)

        scope.setdefault("state", {})["request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    await self.litestar(scope, receive, send_enveloped)
            except TimeoutError:
                if status:
                    raise  # half an answer is out; the server closes the connection
                await self._refuse(scope, receive, send_enveloped)
            finally:
                self._finished(scope, status, perf_counter() - started)

    async def _refuse(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        request: Request[Any, Any, Any] = Request(scope, receive, send)
        answer = problem_response(request, RequestTimedOut()).to_asgi_response(
            request=request, app=None
        )
        await answer(scope, receive, send)

    def _finished(self, scope: HTTPScope, status: int, seconds: float) -> None:
        # What matched no route has one label, or a scan of paths would make a series of each.
        route = str(scope.get("path_template") or "unmatched")
        method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
        self._metrics.request_finished(method, route, status, seconds)
        log.info(
            "request.finished",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
            **({"tenant_id": str(scope["user"].tenant_id)} if scope.get("user") else {}),
        )


def _request_id(scope: HTTPScope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if REQUEST_ID_FORMAT.fullmatch(given):
                return given
    return uuid4().hex
