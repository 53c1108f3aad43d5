"""Who calls: an API key in `Authorization: Bearer`, looked up by its SHA-256.

Equal hashes are found by an index, so no comparison's duration tells anything about a key. Keys
are random and long; a slow hash would protect nothing and cost every request.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from api.errors import OperatorOnly, ReadOnlyKey, Unauthenticated
from db.engine import Sessions
from db.models import Role
from db.repositories.audit_log import Actor
from db.repositories.tenants import KeyHolder, TenantRepository

KEY_PREFIX = "sluice_"
KEY_RANDOM_CHARS = 40  # 240 bits
KEY_FORMAT = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{{KEY_RANDOM_CHARS}}}")
SHOWN_CHARS = len(KEY_PREFIX) + 6  # enough to tell keys apart, far too few to guess the rest

WRITERS = frozenset({Role.ADMIN, Role.OPERATOR})

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


class Authentication:
    """Finds the caller of a key, remembering answers for a few seconds."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._known: dict[bytes, tuple[float, KeyHolder]] = {}

    async def caller(self, authorization: str | None) -> Caller:
        """
        Raises:
            Unauthenticated: there is no key, or it is malformed, unknown or revoked.
        """
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise Unauthenticated("Send your API key as 'Authorization: Bearer sluice_…'.")
        if KEY_FORMAT.fullmatch(key.strip()) is None:
            raise Unauthenticated("This is no API key; one begins with 'sluice_'.")
        holder = await self._holder(hash_of(key.strip()))
        if holder is None:
            raise Unauthenticated("This API key is unknown or was revoked.")
        return Caller(tenant_id=holder.tenant_id, api_key_id=holder.api_key_id, role=holder.role)

    async def _holder(self, key_hash: bytes) -> KeyHolder | None:
        now = monotonic()
        known = self._known.get(key_hash)
        if known is not None and known[0] > now:
            return known[1]
        async with self._sessions() as session:
            holder = await TenantRepository(session).holder(key_hash)
        if holder is None:
            self._known.pop(key_hash, None)
            return None
        if len(self._known) >= CACHE_ENTRIES_MAX:
            self._known.clear()
        self._known[key_hash] = (now + CACHE_AGE.total_seconds(), holder)
        return holder


class AuthenticationMiddleware(ASGIMiddleware):
    """Stands before every path of the API, so that a stranger's body is not even read."""

    scopes = (ScopeType.HTTP, ScopeType.WEBSOCKET)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope)
        authentication: Authentication = scope["litestar_app"].state.resources.authentication
        caller = await authentication.caller(connection.headers.get("authorization"))
        scope["user"] = caller
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
