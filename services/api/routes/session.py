"""The login of a browser: an API key is given once, and a cookie stands for it from then on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import structlog
from litestar import Request, Response, Router, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from pydantic import Field

from api.auth import PUBLIC, Caller
from api.errors import (
    CsrfTokenMissing,
    TooManyLogins,
    Unauthenticated,
)
from api.idempotency import NOT_ORDERING
from api.problems import documented
from api.requests import Body, with_example
from api.resources import Resources
from api.sessions import Login, cookie

log = structlog.get_logger(__name__)

KEY_CHARS_MAX = 200


class LogIn(Body):
    """The API key to log in with."""

    model_config = with_example(key="sluice_…")

    key: Annotated[str, Field(min_length=1, max_length=KEY_CHARS_MAX)]


@dataclass(frozen=True, slots=True)
class SessionTenantView:
    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class SessionKeyView:
    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class SessionView:
    """Whose login it is. Send `csrf_token` as `X-CSRF-Token` with every request that is not a
    `GET`. It ends at `expires_at` unless it is used before; then that is put off, up to a week."""

    tenant: SessionTenantView
    key: SessionKeyView
    role: str
    csrf_token: str
    expires_at: datetime

    @classmethod
    def of(cls, login: Login) -> Self:
        session = login.session
        return cls(
            tenant=SessionTenantView(session.holder.tenant_id, session.tenant),
            key=SessionKeyView(session.key_name, session.key_prefix),
            role=session.holder.role,
            csrf_token=login.csrf_token,
            expires_at=session.expires_at,
        )


@post(
    "/",
    opt={PUBLIC: True, NOT_ORDERING: True},
    status_code=HTTP_201_CREATED,
    security=[],
    summary="Log in",
    responses=documented(CsrfTokenMissing, TooManyLogins, takes_body=True),
)
async def log_in(
    data: JSONBody[LogIn],
    request: Request[Any, Any, State],
    resources: NamedDependency[Resources],
) -> Response[SessionView]:
    """For browsers. The answer sets a cookie, `sluice_session`, that stands for the key. After ten
    failures in five minutes an address has to wait."""
    # Nobody else's page may log a browser in, so that its owner works in a foreign account.
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        raise CsrfTokenMissing("Log in from the service's own page.")
    failures = resources.failed_logins
    address = request.client.host if request.client else ""
    if (wait := failures.wait(address)) is not None:
        raise TooManyLogins(wait)
    try:
        token, login = await resources.authentication.log_in(data.key)
    except Unauthenticated:
        failures.failed(address)
        log.warning("session.refused", address=address)
        raise
    log.info("session.opened", tenant_id=str(login.session.holder.tenant_id))
    return Response(SessionView.of(login), cookies=[cookie(token, request)])


@get("/", summary="Who is logged in", responses=documented())
async def get_session(request: Request[Caller, Login | None, State]) -> SessionView:
    """The login whose cookie the request carries. An API key alone is none."""
    return SessionView.of(_login(request))


@delete(
    "/",
    opt={NOT_ORDERING: True},
    status_code=HTTP_204_NO_CONTENT,
    summary="Log out",
    responses=documented(CsrfTokenMissing),
)
async def log_out(
    request: Request[Caller, Login | None, State],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> Response[None]:
    """The cookie is worth nothing any more: at once here, within seconds everywhere."""
    await resources.authentication.log_out(caller, _login(request))
    return Response(None, cookies=[cookie(None, request)])


def _login(request: Request[Caller, Login | None, State]) -> Login:
    if request.auth is None:
        raise Unauthenticated("There is no login. POST an API key to /api/v1/session.")
    return request.auth


router = Router("/session", route_handlers=[log_in, get_session, log_out], tags=["Session"])
