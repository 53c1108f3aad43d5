"""What stands at the door: upload URLs that were given out, and messages nobody could read."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class UploadHint(Base):
    """An issued upload URL: while one is fresh the poller looks more often."""

    __tablename__ = "upload_hints"
    __table_args__ = (
        Index("ix_upload_hints_open", "issued_at", postgresql_where=text("arrived_at is null")),
    )

    id: Mapped[Key]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), index=True)
    issued_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
    arrived_at: Mapped[datetime | None]


class QuarantinedMessage(Base):
    """A message that made no job, kept raw with the reason, for people to look at."""

    __tablename__ = "quarantined_messages"
    __table_args__ = (
        Index("ix_quarantined_messages_open", "id", postgresql_where=text("replayed_at is null")),
    )

    id: Mapped[Key]
    queue: Mapped[str]
    message_id: Mapped[str]
    reason: Mapped[str]
    body: Mapped[str]
    message_metadata: Mapped[dict[str, Any]] = mapped_column("metadata")
    received_at: Mapped[CreatedAt]
    replayed_at: Mapped[datetime | None]  # when a person had it read again, and it made a job
