"""Logins of browsers: a token in a cookie stands for an API key, and dies with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import ApiKey, BrowserSession, Role, Tenant
from db.repositories.tenants import KeyHolder

LASTS = timedelta(hours=12)  # without being used
LASTS_AT_MOST = timedelta(days=7)
# A session in use is put off at most so often: a page asks several times a second.
PUT_OFF_EVERY = timedelta(minutes=5)
# Of one key; a login beyond it ends the one that was used the longest ago.
PER_KEY_MAX = 100


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A login as its own browser may see it. Of the key only what tells it from others."""

    id: UUID
    holder: KeyHolder
    tenant: str
    key_name: str
    key_prefix: str
    expires_at: datetime


class BrowserSessionRepository:
    """Only the SHA-256 of a token is stored, as of keys."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def open(self, token_hash: bytes, api_key_id: UUID) -> OpenSession | None:
        """A session of the key; None if that was revoked, which the caller may not know yet."""
        kept = (
            select(BrowserSession.id)
            .where(BrowserSession.api_key_id == api_key_id)
            .order_by(BrowserSession.expires_at.desc())
            .limit(PER_KEY_MAX - 1)
        )
        await self._session.execute(
            delete(BrowserSession).where(
                BrowserSession.api_key_id == api_key_id, BrowserSession.id.not_in(kept)
            )
        )
        self._session.add(
            BrowserSession(
                token_hash=token_hash, api_key_id=api_key_id, expires_at=func.now() + LASTS
            )
        )
        await self._session.flush()
        row = (await self._session.execute(_valid(token_hash))).one_or_none()
        return None if row is None else _open(row)

    async def find(self, token_hash: bytes) -> OpenSession | None:
        """The session of a token, put off if it has not been for a while; None if there is none,
        it ran out, or its key was revoked."""
        row = (await self._session.execute(_valid(token_hash))).one_or_none()
        if row is None:
            return None
        found = _open(row)
        expires_at = await self._session.scalar(
            update(BrowserSession)
            .where(
                BrowserSession.id == found.id,
                BrowserSession.expires_at < func.now() + (LASTS - PUT_OFF_EVERY),
                BrowserSession.expires_at < BrowserSession.created_at + LASTS_AT_MOST,
            )
            .values(
                expires_at=func.least(func.now() + LASTS, BrowserSession.created_at + LASTS_AT_MOST)
            )
            .returning(BrowserSession.expires_at)
            .execution_options(synchronize_session=False)
        )
        return found if expires_at is None else _open(row, expires_at)

    async def close(self, session_id: UUID) -> bool:
        """Whether there was such a session."""
        closed = await self._session.scalar(
            delete(BrowserSession)
            .where(BrowserSession.id == session_id)
            .returning(BrowserSession.id)
        )
        return closed is not None

    async def forget(self, limit: int) -> None:
        """Delete sessions that ran out."""
        expired = (
            select(BrowserSession.id)
            .where(BrowserSession.expires_at < func.now())
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        await self._session.execute(delete(BrowserSession).where(BrowserSession.id.in_(expired)))


def _valid(token_hash: bytes) -> Any:
    return (
        select(
            BrowserSession.id,
            BrowserSession.expires_at,
            ApiKey.id.label("api_key_id"),
            ApiKey.tenant_id,
            ApiKey.role,
            ApiKey.name,
            ApiKey.prefix,
            Tenant.name.label("tenant"),
        )
        .join(ApiKey, ApiKey.id == BrowserSession.api_key_id)
        .join(Tenant, Tenant.id == ApiKey.tenant_id)
        .where(
            BrowserSession.token_hash == token_hash,
            BrowserSession.expires_at > func.now(),
            ApiKey.revoked_at.is_(None),
        )
    )


def _open(row: Any, expires_at: datetime | None = None) -> OpenSession:
    return OpenSession(
        id=row.id,
        holder=KeyHolder(row.api_key_id, row.tenant_id, Role(row.role)),
        tenant=row.tenant,
        key_name=row.name,
        key_prefix=row.prefix,
        expires_at=expires_at or row.expires_at,
    )
