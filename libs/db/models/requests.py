"""What people asked for that outlives the request: answers to be given again, and audits."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class IdempotentRequest(Base):
    """A request that carried an `Idempotency-Key`, and its answer once there is one."""

    __tablename__ = "idempotent_requests"
    __table_args__ = (Index("ix_idempotent_requests_created_at", "created_at"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes]  # SHA-256 of role, path and body
    status: Mapped[int | None]  # None while the first request is still being answered
    media_type: Mapped[str | None]
    body: Mapped[bytes | None]
    created_at: Mapped[CreatedAt]


class AuditKind(StrEnum):
    AUDIT = "audit"  # objects, rows and Postgres, each against the others
    SYNC = "sync"  # objects only: what lies in the bucket becomes jobs


class AuditStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class AuditRun(Base):
    """A comparison that somebody asked for; a poller makes it, and says here what it found."""

    __tablename__ = "audits"
    __table_args__ = (
        CheckConstraint("kind in ('audit', 'sync')", name="kind"),
        CheckConstraint("status in ('queued', 'running', 'completed', 'failed')", name="status"),
        Index("ix_audits_tenant_id_id", "tenant_id", "id"),
        Index(
            "ix_audits_unfinished", "id", postgresql_where=text("status in ('queued', 'running')")
        ),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    dataset_id: Mapped[UUID | None] = mapped_column(ForeignKey("datasets.id"))  # None: all
    kind: Mapped[str]
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(server_default=AuditStatus.QUEUED)
    fence: Mapped[int] = mapped_column(server_default="0")  # rises at every claim by a poller
    lease_until: Mapped[datetime | None]
    objects_seen: Mapped[int] = mapped_column(server_default="0")
    rows_seen: Mapped[int] = mapped_column(server_default="0")
    findings: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))  # by kind
    error: Mapped[str | None]
    created_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
