"""How the service is doing, for people to look at: nothing else depends on these rows."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt


class Worker(Base):
    """A worker process, as it said of itself last."""

    __tablename__ = "workers"

    name: Mapped[str] = mapped_column(primary_key=True)  # as `jobs.worker` has it
    host: Mapped[str]
    pid: Mapped[int]
    parent: Mapped[int]  # the process that starts it anew
    version: Mapped[str]
    threads: Mapped[int]
    busy: Mapped[int]
    memory_bytes: Mapped[int]  # with the parser children
    cpu_percent: Mapped[float]  # of one core, with the parser children
    restarts: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime]
    seen_at: Mapped[CreatedAt]
    stopped_at: Mapped[datetime | None]  # it said goodbye


class HistorySample(Base):
    """What a tenant's jobs did in the step that ended `at`. Steps in which nothing was there to do
    have no row; `queued` and `processing` are null where it was taken late."""

    __tablename__ = "history_samples"
    __table_args__ = (Index("ix_history_samples_step_seconds_at", "step_seconds", "at"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    step_seconds: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    queued: Mapped[int | None]
    processing: Mapped[int | None]
    completed: Mapped[int]
    failed: Mapped[int]
    chunks: Mapped[int]
    tokens: Mapped[int]
    cost: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    oldest_seconds: Mapped[float | None]
    p50_seconds: Mapped[float | None]
    p95_seconds: Mapped[float | None]
