"""Answers kept for idempotency keys, so that a request sent twice is done once.

A row without a status is a request that is being answered. `created_at` says whose it is: it
changes when a key is taken over, and only who knows it may finish.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import IdempotentRequest

KEPT_FOR = timedelta(hours=24)  # what clients may count on; the upkeep deletes what is older


@dataclass(frozen=True, slots=True)
class Begun:
    """The key is the caller's, who answers the request and says how it went."""

    key: str
    begun_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer that the same request got."""

    status: int
    media_type: str
    body: bytes


class KeyInUse(Exception):
    """The same request is being answered just now."""


class KeyReused(Exception):
    """The key came with another request."""


class IdempotencyRepository:
    """Keys are a tenant's own."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def begin(
        self, key: str, request_hash: bytes, *, patience: timedelta, lifetime: timedelta
    ) -> Begun | KeptAnswer:
        """Take a key, or find the answer that belongs to it. Of several who ask at once, one gets
        the key.

        A request that has no answer after `patience` is given up: its process is gone. An answer
        older than `lifetime` is forgotten.

        Raises:
            KeyInUse, KeyReused
        """
        begun = await self._take(key, request_hash, patience=patience, lifetime=lifetime)
        if begun is not None:
            return Begun(key, begun)
        row = await self._session.scalar(
            select(IdempotentRequest).where(
                IdempotentRequest.tenant_id == self._tenant_id, IdempotentRequest.key == key
            )
        )
        if row is not None and row.request_hash != request_hash:
            raise KeyReused
        if row is None or row.status is None:  # None: its request was refused in this moment
            raise KeyInUse
        return KeptAnswer(row.status, row.media_type or "", row.body or b"")

    async def keep(self, begun: Begun, answer: KeptAnswer) -> bool:
        """Store the answer; False if somebody has taken the key over meanwhile."""
        row = await self._session.scalar(
            select(IdempotentRequest).where(*self._own(begun)).with_for_update()
        )
        if row is None:
            return False
        row.status, row.media_type, row.body = answer.status, answer.media_type, answer.body
        await self._session.flush()
        return True

    async def release(self, begun: Begun) -> None:
        """Nothing came of the request: the key is free again."""
        await self._session.execute(delete(IdempotentRequest).where(*self._own(begun)))

    async def _take(
        self, key: str, request_hash: bytes, *, patience: timedelta, lifetime: timedelta
    ) -> datetime | None:
        row = insert(IdempotentRequest).values(
            tenant_id=self._tenant_id, key=key, request_hash=request_hash
        )
        return await self._session.scalar(
            row.on_conflict_do_update(
                index_elements=["tenant_id", "key"],
                set_={
                    "request_hash": row.excluded.request_hash,
                    "status": None,
                    "media_type": None,
                    "body": None,
                    "created_at": func.now(),
                },
                where=or_(
                    IdempotentRequest.created_at < func.now() - lifetime,
                    and_(
                        IdempotentRequest.status.is_(None),
                        IdempotentRequest.request_hash == request_hash,
                        IdempotentRequest.created_at < func.now() - patience,
                    ),
                ),
            ).returning(IdempotentRequest.created_at)
        )

    def _own(self, begun: Begun) -> tuple[ColumnElement[bool], ...]:
        return (
            IdempotentRequest.tenant_id == self._tenant_id,
            IdempotentRequest.key == begun.key,
            IdempotentRequest.created_at == begun.begun_at,
            IdempotentRequest.status.is_(None),
        )


async def forget(session: AsyncSession, *, limit: int, older_than: timedelta = KEPT_FOR) -> int:
    """Delete the oldest answers of all tenants; returns how many went."""
    old = (
        select(IdempotentRequest.tenant_id, IdempotentRequest.key)
        .where(IdempotentRequest.created_at < func.now() - older_than)
        .order_by(IdempotentRequest.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await session.execute(
        delete(IdempotentRequest)
        .where(tuple_(IdempotentRequest.tenant_id, IdempotentRequest.key).in_(old))
        .returning(IdempotentRequest.key)
        .execution_options(synchronize_session=False)
    )
    return len(gone.all())
