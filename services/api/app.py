"""The composition root: settings in, the ASGI application out."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import NotFoundException
from litestar.middleware import ASGIMiddleware
from litestar.plugins.pydantic import PydanticPlugin

from api.auth import AuthenticationMiddleware, Caller
from api.bodies import ApiRequest
from api.console.routes import Console
from api.envelope import Envelope
from api.health import Health
from api.idempotency import KEY_HEADER, REPLAYED_HEADER, IdempotencyMiddleware, Once
from api.limits import BODY_BYTES_MAX, Limits
from api.live.service import Live
from api.metrics import Metrics
from api.openapi import complete, openapi_config
from api.problems import EXCEPTION_HANDLERS, problem_response
from api.resources import Resources, open_resources
from api.routes import (
    audits,
    datasets,
    document_content,
    documents,
    health,
    images,
    job_list,
    jobs,
    live,
    multipart,
    pages,
    past,
    quarantine,
    search,
    service_state,
    session,
    tenant,
    uploads,
    usage,
    work_list,
)
from api.settings import ApiSettings


def create_app(settings: ApiSettings) -> Envelope:
    """Opens nothing; that is the lifespan's."""
    metrics = Metrics()
    console = Console(settings.endpoint_url)
    limits = Limits(
        upload_bytes_max=settings.upload_bytes_max,
        upload_url_expiry=settings.upload_url_expiry,
        download_url_expiry=settings.download_url_expiry,
        large_bytes=settings.large_bytes,
        bucket=settings.r2_bucket,
        order_time=settings.request_timeout / 2,
        chunking=settings.chunking(),
    )

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with open_resources(settings) as resources:
            app.state.resources = resources
            app.state.health = Health(resources)
            async with Live.open(resources, settings) as app.state.live:
                yield

    # In this order: whose a key is has to be known.
    middleware: list[ASGIMiddleware] = [
        AuthenticationMiddleware(),
        IdempotencyMiddleware(request_timeout=settings.request_timeout),
    ]
    api = Router(
        "/api/v1",
        route_handlers=[
            datasets.router,
            uploads.router,
            multipart.router,
            documents.router,
            document_content.router,
            images.router,
            search.router,
            search.several_router,
            session.router,
            work_list.router,
            job_list.router,
            past.router,
            jobs.router,
            tenant.router,
            service_state.router,
            usage.router,
            quarantine.router,
            audits.router,
            live.router,
        ],
        middleware=middleware,
    )
    litestar = Litestar(
        route_handlers=[
            api,
            live.sockets,
            *health.handlers,
            *pages.handlers,
            *console.handlers(),
        ],
        lifespan=[lifespan],
        dependencies={
            "resources": Provide(_resources, sync_to_thread=False),
            "live": Provide(_live, sync_to_thread=False),
            "health": Provide(_health, sync_to_thread=False),
            "caller": Provide(_caller, sync_to_thread=False),
            "once": Provide(_once, sync_to_thread=False),
            "limits": Provide(lambda: limits, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
        },
        exception_handlers={**EXCEPTION_HANDLERS, NotFoundException: _not_found(console)},
        openapi_config=openapi_config(_version()),
        cors_config=_cors(settings),
        request_class=ApiRequest,
        request_max_body_size=BODY_BYTES_MAX,
        plugins=[PydanticPlugin(validate_strict=True)],  # "5" is no number, true is no 1
        logging_config=None,  # ours is set up before, and problems.py logs what fails
        debug=False,
    )
    complete(litestar.openapi_schema)
    return Envelope(litestar, metrics, request_timeout=settings.request_timeout)


def _resources(state: State) -> Resources:
    resources: Resources = state.resources
    return resources


def _live(state: State) -> Live:
    live: Live = state.live
    return live


def _health(state: State) -> Health:
    health: Health = state.health
    return health


def _caller(request: Request[Caller, None, State]) -> Caller:
    return request.user


def _once(request: Request[Caller, None, State]) -> Once:
    once: Once = request.scope["state"].get("once") or Once.without_key()
    return once


def _not_found(console: Console) -> Callable[[Request[Any, Any, Any], Any], Response[Any]]:
    def answer(request: Request[Any, Any, Any], error: Any) -> Response[Any]:
        return console.missing(request) or problem_response(request, error)

    return answer


def _cors(settings: ApiSettings) -> CORSConfig | None:
    if not settings.cors_origins:
        return None
    return CORSConfig(
        allow_origins=settings.cors_origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "X-Request-ID", KEY_HEADER],
        expose_headers=["X-Request-ID", "Retry-After", REPLAYED_HEADER],
        allow_credentials=False,
    )


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "0"  # run from a source tree that was never installed
