"""Messages in quarantine: looked at by people, read again, or thrown away.

They belong to the deployment, not to a tenant: nobody can say whose an unreadable message is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import MessageConflict, MessageNotFound
from db.models import QuarantinedMessage
from db.repositories.changes import Change, ChangeRepository


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A message; `body` may be cut short, `size` is that of the whole in bytes."""

    id: UUID
    queue: str
    message_id: str
    reason: str
    body: str
    size: int
    metadata: dict[str, Any]
    received_at: datetime
    replayed_at: datetime | None


class QuarantineRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self, *, replayed: bool, before: UUID | None, limit: int, body_chars: int
    ) -> list[QuarantineRow]:
        """The newest first, those that were replayed or the others; bodies cut to `body_chars`."""
        done = QuarantinedMessage.replayed_at
        query = (
            _rows(func.left(QuarantinedMessage.body, body_chars))
            .where(done.is_not(None) if replayed else done.is_(None))
            .order_by(QuarantinedMessage.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(QuarantinedMessage.id < before)
        return [QuarantineRow(*row) for row in await self._session.execute(query)]

    async def get(self, message_id: UUID) -> QuarantineRow:
        """A message with its whole body.

        Raises:
            MessageNotFound: there is none of that id.
        """
        query = _rows(QuarantinedMessage.body).where(QuarantinedMessage.id == message_id)
        row = (await self._session.execute(query)).one_or_none()
        if row is None:
            raise MessageNotFound(message_id)
        return QuarantineRow(*row)

    async def hold(self, message_id: UUID) -> str:
        """Lock a message that is to be replayed; returns its body.

        Raises:
            MessageNotFound: there is none of that id.
            MessageConflict: it was replayed already.
        """
        message = await self._session.scalar(
            select(QuarantinedMessage).where(QuarantinedMessage.id == message_id).with_for_update()
        )
        if message is None:
            raise MessageNotFound(message_id)
        if message.replayed_at is not None:
            raise MessageConflict("The message was replayed already.")
        return message.body

    async def replay(self, message_id: UUID, change: Change, *, large_bytes: int) -> UUID | None:
        """Apply what a held message announces; returns its document's unfinished job, None if
        nothing was left to do.

        Raises:
            MessageConflict: its dataset does not exist.
        """
        changes = ChangeRepository(self._session)
        if not await changes.existing_datasets([change.dataset_id]):
            raise MessageConflict("The message still makes no job: unknown_dataset.")
        [job_id] = (await changes.apply([change], large_bytes=large_bytes)).values()
        message = await self._session.get_one(QuarantinedMessage, message_id)
        message.replayed_at = await self._session.scalar(select(func.now()))
        await self._session.flush()
        return job_id

    async def delete(self, message_id: UUID) -> None:
        """
        Raises:
            MessageNotFound: there is none of that id.
        """
        deleted = await self._session.scalar(
            delete(QuarantinedMessage)
            .where(QuarantinedMessage.id == message_id)
            .returning(QuarantinedMessage.id)
        )
        if deleted is None:
            raise MessageNotFound(message_id)


def _rows(body: Any) -> Any:
    return select(
        QuarantinedMessage.id,
        QuarantinedMessage.queue,
        QuarantinedMessage.message_id,
        QuarantinedMessage.reason,
        body,
        func.octet_length(QuarantinedMessage.body),
        QuarantinedMessage.message_metadata,
        QuarantinedMessage.received_at,
        QuarantinedMessage.replayed_at,
    )
