"""Who did what: written in the transaction that does it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from db.models import AuditEntry


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
