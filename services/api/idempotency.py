"""`Idempotency-Key`: a POST that is sent again, because its answer was lost, is not done again.

The key is taken before the work and the answer kept behind it, both in Postgres, so that it does
not matter which process the second request meets. Only a success is kept: what was refused
changed nothing, and may be sent again with the same key once its cause is gone. An answer may
hold upload URLs: it is the tenant's alone, and kept no longer than a day.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

import structlog
from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.serialization import encode_json
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import WRITERS
from api.errors import FieldError, IdempotencyKeyInUse, IdempotencyKeyReused, InvalidRequest
from api.limits import BODY_BYTES_MAX
from db.engine import Sessions
from db.repositories.idempotency import (
    KEPT_FOR,
    Begun,
    IdempotencyRepository,
    KeptAnswer,
    KeyInUse,
    KeyReused,
)

log = structlog.get_logger()

KEY_HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
KEY_CHARS_MAX = 255
# The option of a handler whose requests change nothing.
NOT_ORDERING = "orders_nothing"

# After that the process that took a key is taken to be gone.
PATIENCE = timedelta(seconds=60)
# The largest answer, a thousand upload URLs of long names, is some 6 MB.
ANSWER_BYTES_MAX = 8 * 1024**2
RELEASE_SECONDS = 2.0  # of a request that is given up already


class Once:
    """The key that a request holds, for a handler that keeps its answer with its work.

    What a handler keeps in its own transaction is never done twice, even if the process dies
    right after the commit. Work that makes nothing new when it is repeated needs no such care.
    """

    def __init__(self, tenant_id: UUID | None, begun: Begun | None) -> None:
        self._tenant_id = tenant_id
        self._begun = begun

    @classmethod
    def without_key(cls) -> Self:
        return cls(None, None)

    async def keep(self, session: AsyncSession, view: object, *, status: int) -> None:
        """Keep what the handler is about to answer; nothing if the request has no key.

        Raises:
            IdempotencyKeyInUse: the request took so long that another one has the key now.
        """
        if self._tenant_id is None or self._begun is None:
            return
        answer = KeptAnswer(status, "application/json", encode_json(view))
        if not await IdempotencyRepository(session, self._tenant_id).keep(self._begun, answer):
            raise IdempotencyKeyInUse


class IdempotencyMiddleware(ASGIMiddleware):
    """Stands behind authentication, since keys are a tenant's own."""

    scopes = (ScopeType.HTTP,)
    exclude_opt_key = NOT_ORDERING

    def __init__(self, *, request_timeout: timedelta) -> None:
        """Nobody takes over the key of a request that may still be worked on."""
        self._patience = max(PATIENCE, 2 * request_timeout)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        key, caller = _key(scope), scope["user"]
        # Who may order nothing shall get no answer to another one's order.
        if key is None or caller.role not in WRITERS:
            await next_app(scope, receive, send)
            return
        messages, body = await _read(receive)
        receive_again = _again(messages, receive)
        if body is None:
            await next_app(scope, receive_again, send)  # which refuses it
            return
        sessions: Sessions = scope["litestar_app"].state.resources.sessions
        tenant_id: UUID = caller.tenant_id
        found = await self._begin(sessions, tenant_id, key, _hash(scope, body))
        if isinstance(found, KeptAnswer):
            await _replay(found, send)
            return
        scope["state"]["once"] = Once(tenant_id, found)
        answer = _Answer()
        try:
            await next_app(scope, receive_again, answer.take)
        except BaseException:
            await _release(sessions, tenant_id, found)
            raise
        await _settle(sessions, tenant_id, found, answer)
        for message in answer.messages:
            await send(message)

    async def _begin(
        self, sessions: Sessions, tenant_id: UUID, key: str, request_hash: bytes
    ) -> Begun | KeptAnswer:
        try:
            async with sessions.begin() as session:
                return await IdempotencyRepository(session, tenant_id).begin(
                    key, request_hash, patience=self._patience, lifetime=KEPT_FOR
                )
        except KeyReused:
            raise IdempotencyKeyReused from None
        except KeyInUse:
            raise IdempotencyKeyInUse from None


class _Answer:
    """What the application sends, held back until it is kept."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def take(self, message: Message) -> None:
        self.messages.append(message)

    def kept(self) -> KeptAnswer | None:
        """What is to be kept; None for a refusal, a failure, or more than anybody keeps."""
        status, media_type, parts = 0, "", []
        for message in self.messages:
            if message["type"] == "http.response.start":
                status = message["status"]
                media_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))
        body = b"".join(parts)
        if not 200 <= status < 300 or len(body) > ANSWER_BYTES_MAX:
            return None
        return KeptAnswer(status, media_type, body)


def _key(scope: Scope) -> str | None:
    """
    Raises:
        InvalidRequest: there is a key, but none that can be.
    """
    if scope["type"] != ScopeType.HTTP or scope["method"] != "POST":
        return None
    name = KEY_HEADER.lower().encode()
    keys = [value.decode("latin-1") for header, value in scope["headers"] if header == name]
    if not keys:
        return None
    [key, *others] = keys
    if others or not 1 <= len(key) <= KEY_CHARS_MAX or not (key.isascii() and key.isprintable()):
        raise InvalidRequest(
            FieldError(KEY_HEADER, f"must be 1 to {KEY_CHARS_MAX} printable ASCII characters, once")
        )
    return key


async def _read(receive: Receive) -> tuple[list[Any], bytes | None]:
    """The messages of the request, and its body; None if that is larger than any may be."""
    messages, parts, size = [], [], 0
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] != "http.request":
            return messages, None  # the client is gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            return messages, None
        if not message.get("more_body", False):
            return messages, b"".join(parts)


def _again(messages: Sequence[Any], receive: Receive) -> Receive:
    rest = iter(messages)

    async def receive_again() -> Any:
        for message in rest:
            return message
        return await receive()

    return receive_again


def _hash(scope: Scope, body: bytes) -> bytes:
    """Of all that makes the answer, and of who may see it."""
    query: bytes = scope["query_string"]
    head = json.dumps([scope["user"].role, scope["path"].rstrip("/"), query.decode("latin-1")])
    return hashlib.sha256(head.encode() + b"\n" + body).digest()


async def _replay(answer: KeptAnswer, send: Send) -> None:
    headers = [
        (b"content-type", answer.media_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
        (REPLAYED_HEADER.lower().encode(), b"true"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _settle(sessions: Sessions, tenant_id: UUID, begun: Begun, answer: _Answer) -> None:
    kept = answer.kept()
    if kept is None:
        await _release(sessions, tenant_id, begun)
        return
    try:
        async with sessions.begin() as session:
            await IdempotencyRepository(session, tenant_id).keep(begun, kept)
    except (SQLAlchemyError, OSError) as error:
        # It is done, and the client shall know; only the same key would do it once more.
        log.warning("answer.not_kept", error=type(error).__name__)


async def _release(sessions: Sessions, tenant_id: UUID, begun: Begun) -> None:
    """Free the key at once if that can be done; otherwise it frees itself after a while."""
    try:
        async with asyncio.timeout(RELEASE_SECONDS), sessions.begin() as session:
            await IdempotencyRepository(session, tenant_id).release(begun)
    except (SQLAlchemyError, OSError) as error:  # a timeout is an OSError, too
        log.warning("key.not_released", error=type(error).__name__)
