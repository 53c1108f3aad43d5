"""The server on the queues port: authentication, error envelopes, and the routes."""

import hmac
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from pydantic import SecretStr

from cloudflare_standin.errors import ApiError, MethodNotAllowed, NoRoute, NotAuthenticated, Unknown
from cloudflare_standin.fault_routes import FaultRoutes
from cloudflare_standin.message_routes import MessageRoutes
from cloudflare_standin.queue_routes import QueueRoutes
from cloudflare_standin.routing import check_account
from cloudflare_standin.views import error_envelope

BODY_BYTES_MAX = 1024 * 1024  # a batch of 256 KB, escaped, with room to spare

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

log = structlog.get_logger()


def create_queues_app(
    *,
    account_id: str,
    api_token: SecretStr,
    queues: QueueRoutes,
    messages: MessageRoutes,
    faults: FaultRoutes,
) -> web.Application:
    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as exc:
            return _error(exc)
        except web.HTTPMethodNotAllowed:
            return _error(MethodNotAllowed("Method not allowed"))
        except web.HTTPNotFound:
            return _error(NoRoute(f"Could not route to {request.path}"))
        except web.HTTPException:
            raise
        except Exception:
            log.exception("request.failed", method=request.method, path=request.path)
            return _error(Unknown("Unknown error"))

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != "/healthz":
            _check_token(request, api_token)
        if "account" in request.match_info:
            check_account(request, account_id)
        return await handler(request)

    app = web.Application(middlewares=[answer_errors, authenticate], client_max_size=BODY_BYTES_MAX)
    app.router.add_get("/healthz", _healthy)
    app.add_routes([*queues.routes(), *messages.routes(), *faults.routes()])
    return app


async def _healthy(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


def _check_token(request: web.Request, api_token: SecretStr) -> None:
    expected = f"Bearer {api_token.get_secret_value()}".encode()
    given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    if not hmac.compare_digest(given, expected):
        raise NotAuthenticated("Authentication error")


def _error(error: ApiError) -> web.Response:
    return web.json_response(
        error_envelope(error.code, str(error)), status=error.status, headers=error.headers
    )
