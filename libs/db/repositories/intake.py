"""The poller's own: messages in quarantine, and how fresh the newest upload URL is."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import QuarantinedMessage, UploadHint


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that makes no job, and why."""

    queue: str
    message_id: str
    reason: str
    body: str
    metadata: dict[str, Any]


class IntakeRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def quarantine(self, messages: list[Unreadable]) -> None:
        """Keep messages for people to look at. NUL, which Postgres cannot hold, is left out."""
        self._session.add_all(
            QuarantinedMessage(
                queue=message.queue,
                message_id=_clean(message.message_id),
                reason=message.reason,
                body=_clean(message.body),
                message_metadata={
                    _clean(str(key)): _clean(str(value)) for key, value in message.metadata.items()
                },
            )
            for message in messages
        )

    async def newest_open_hint(self) -> timedelta | None:
        """The age of the newest upload URL that nothing came of yet; None if there is none."""
        age: timedelta | None = await self._session.scalar(
            select(func.now() - func.max(UploadHint.issued_at)).where(
                UploadHint.arrived_at.is_(None), UploadHint.expires_at > func.now()
            )
        )
        return age


def _clean(text: str) -> str:
    return text.replace("\0", "").encode(errors="replace").decode()
