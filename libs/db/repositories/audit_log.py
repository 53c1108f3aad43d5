"""Who did what: written in the transaction that does it, and read by the tenant."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import ApiKey, AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """The key that acts, and its tenant."""

    tenant_id: UUID
    api_key_id: UUID


class AuditLogRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def record(self, actor: Actor, action: str, target: UUID, **data: Any) -> None:
        """Note an action (`noun.verb`, as in the logs) on the thing with this id."""
        self._session.add(
            AuditEntry(
                tenant_id=actor.tenant_id,
                api_key_id=actor.api_key_id,
                action=action,
                target=str(target),
                data=data,
            )
        )


@dataclass(frozen=True, slots=True)
class AuditRow:
    """An entry, and the key that acted."""

    entry: AuditEntry
    key_name: str | None
    key_prefix: str | None


class AuditLogReader:
    """Everything here is scoped to a tenant."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def page(self, *, action: str | None, before: UUID | None, limit: int) -> list[AuditRow]:
        """The newest entries first; `before` is the last id of the page before."""
        query = (
            select(AuditEntry, ApiKey.name, ApiKey.prefix)
            .outerjoin(ApiKey, ApiKey.id == AuditEntry.api_key_id)
            .where(AuditEntry.tenant_id == self._tenant_id)
            .order_by(AuditEntry.created_at.desc(), AuditEntry.id.desc())
            .limit(limit)
        )
        if action is not None:
            query = query.where(AuditEntry.action == action)
        if before is not None:
            at = await self._session.scalar(
                select(AuditEntry.created_at).where(
                    AuditEntry.id == before, AuditEntry.tenant_id == self._tenant_id
                )
            )
            if at is None:
                return []
            order = tuple_(AuditEntry.created_at, AuditEntry.id)
            query = query.where(order < tuple_(literal(at), literal(before)))
        return [AuditRow(*row) for row in await self._session.execute(query)]
