"""Who calls: an API key in `Authorization: Bearer`, or the cookie of a browser that has logged in,
both looked up by their SHA-256.

Equal hashes are found by an index, so no comparison's duration tells anything about a key. Keys
are random and long; a slow hash would protect nothing and cost every request.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, Generic, TypeVar

import structlog
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import CsrfTokenMissing, OperatorOnly, ReadOnlyKey, Unauthenticated
from api.sessions import (
    CSRF_HEADER,
    SAFE_METHODS,
    Login,
    csrf_token_of,
    is_csrf_token,
    new_token,
    token_in,
)
from db.engine import Sessions
from db.models import Role
from db.repositories.audit_log import Actor, AuditLogRepository
from db.repositories.browser_sessions import BrowserSessionRepository, OpenSession
from db.repositories.tenants import KeyHolder, TenantRepository

T = TypeVar("T")

KEY_PREFIX = "sluice_"
KEY_RANDOM_CHARS = 40  # 240 bits
KEY_FORMAT = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{{KEY_RANDOM_CHARS}}}")
SHOWN_CHARS = len(KEY_PREFIX) + 6  # enough to tell keys apart, far too few to guess the rest

WRITERS = frozenset({Role.ADMIN, Role.OPERATOR})

# The option of a handler that asks for no key.
PUBLIC = "public"

# A revoked key works for so long at most; a busy client costs one lookup in that time.
CACHE_AGE = timedelta(seconds=10)
CACHE_ENTRIES_MAX = 10_000


def new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(KEY_RANDOM_CHARS * 3 // 4)


def hash_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


@dataclass(frozen=True, slots=True)
class Caller(Actor):
    """The tenant and key behind a request, and what the key may do."""

    role: Role


class _Recent(Generic[T]):
    """What was found lately, by hash; not for long, since it may be revoked."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, T]] = {}

    def get(self, key: bytes) -> T | None:
        until, found = self._known.get(key, (0.0, None))
        return found if until > monotonic() else None

    def put(self, key: bytes, found: T) -> None:
        if len(self._known) >= CACHE_ENTRIES_MAX:
            self._known.clear()
        self._known[key] = (monotonic() + CACHE_AGE.total_seconds(), found)

    def drop(self, is_gone: Callable[[T], bool]) -> None:
        self._known = {key: each for key, each in self._known.items() if not is_gone(each[1])}


class Authentication:
    """Finds the caller of a key, remembering answers for a few seconds."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._holders = _Recent[KeyHolder]()
        self._logins = _Recent[OpenSession]()

    async def caller(self, authorization: str | None) -> Caller:
        """
        Raises:
            Unauthenticated: there is no key, or it is malformed, unknown or revoked.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated("Send your API key as 'Authorization: Bearer sluice_…'.")
        return _caller(await self._holder(key.strip()))

    async def login(self, token: str) -> tuple[Caller, Login]:
        """Who has the token of a cookie.

        Raises:
            Unauthenticated: the login is unknown, ran out or was ended, or its key was revoked.
        """
        token_hash = hash_of(token)
        found = self._logins.get(token_hash)
        if found is None:
            async with self._sessions.begin() as session:
                found = await BrowserSessionRepository(session).find(token_hash)
            if found is None:
                raise Unauthenticated("The login is over. Log in again.")
            self._logins.put(token_hash, found)
        return _caller(found.holder), Login(found, csrf_token_of(token))

    async def log_in(self, key: str) -> tuple[str, Login]:
        """A new login, and the token for its cookie.

        Raises:
            Unauthenticated: the key is malformed, unknown or revoked.
        """
        holder, token = await self._holder(key.strip()), new_token()
        async with self._sessions.begin() as session:
            opened = await BrowserSessionRepository(session).open(hash_of(token), holder.api_key_id)
            if opened is None:
                raise Unauthenticated("This API key was revoked.")
            AuditLogRepository(session).record(_caller(holder), "session.opened", opened.id)
        return token, Login(opened, csrf_token_of(token))

    async def log_out(self, caller: Caller, login: Login) -> None:
        async with self._sessions.begin() as session:
            if await BrowserSessionRepository(session).close(login.session.id):
                AuditLogRepository(session).record(caller, "session.closed", login.session.id)
        self._logins.drop(lambda open_session: open_session.id == login.session.id)

    async def _holder(self, key: str) -> KeyHolder:
        if KEY_FORMAT.fullmatch(key) is None:
            raise Unauthenticated(
                f"This is no whole API key: '{KEY_PREFIX}' and {KEY_RANDOM_CHARS} characters."
            )
        key_hash = hash_of(key)
        holder = self._holders.get(key_hash)
        if holder is None:
            async with self._sessions() as session:
                holder = await TenantRepository(session).holder(key_hash)
            if holder is None:
                raise Unauthenticated("This API key is unknown or was revoked.")
            self._holders.put(key_hash, holder)
        return holder


def _caller(holder: KeyHolder) -> Caller:
    return Caller(tenant_id=holder.tenant_id, api_key_id=holder.api_key_id, role=holder.role)


class AuthenticationMiddleware(ASGIMiddleware):
    """Stands before every path of the API, so that a stranger's body is not even read."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)
    exclude_opt_key = PUBLIC

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        authentication: Authentication = scope["litestar_app"].state.resources.authentication
        authorization, token = connection.headers.get("authorization"), token_in(connection)
        login: Login | None = None
        # What a program says counts before what a browser sends along.
        if authorization is None and token is not None:
            caller, login = await authentication.login(token)
            changes = scope["type"] == ScopeType.HTTP and scope["method"] not in SAFE_METHODS
            if changes and not is_csrf_token(connection.headers.get(CSRF_HEADER), token):
                raise CsrfTokenMissing
        else:
            caller = await authentication.caller(authorization)
        scope["user"], scope["auth"] = caller, login
        structlog.contextvars.bind_contextvars(tenant_id=str(caller.tenant_id))
        await next_app(scope, receive, send)


def may_write(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard for everything that changes something."""
    caller: Caller = connection.user
    if caller.role not in WRITERS:
        raise ReadOnlyKey


def may_operate(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """A guard for what belongs to the deployment as a whole, not to a tenant."""
    caller: Caller = connection.user
    if caller.role is not Role.OPERATOR:
        raise OperatorOnly
