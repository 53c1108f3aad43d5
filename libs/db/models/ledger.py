"""What only grows: events, usage, who did what; and the breakers, which come and go."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Event(Base):
    """A change of state, numbered, so that a client can go on where it was cut off."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_dataset_id_id", "dataset_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    kind: Mapped[str]  # noun.verb, as in the logs
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]


class Usage(Base):
    """Tokens that one attempt or one search had embedded, and what they cost in US dollars."""

    __tablename__ = "usage"
    __table_args__ = (
        Index("ix_usage_tenant_id_created_at", "tenant_id", "created_at"),
        Index("ix_usage_dataset_id_created_at", "dataset_id", "created_at"),
        Index("ix_usage_job_id", "job_id"),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    # None: one query to several datasets
    dataset_id: Mapped[UUID | None] = mapped_column(ForeignKey("datasets.id"))
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    model: Mapped[str]
    tokens: Mapped[int]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))  # None: no price is configured
    created_at: Mapped[CreatedAt]


class Breaker(Base):
    """A dependency that attempts found unavailable; the row goes when one gets through."""

    __tablename__ = "breakers"

    dependency: Mapped[str] = mapped_column(primary_key=True)
    open_since: Mapped[CreatedAt]
    last_failure_at: Mapped[CreatedAt]
    probe_at: Mapped[CreatedAt]  # when the next job may go and see whether it is back
    error_code: Mapped[str]
    error: Mapped[str]


class AuditEntry(Base):
    """Who did what to which thing, by API key."""

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_tenant_id_created_at", "tenant_id", "created_at"),)

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    api_key_id: Mapped[UUID | None] = mapped_column(ForeignKey("api_keys.id"))
    action: Mapped[str]
    target: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]
