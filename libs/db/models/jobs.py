"""A job is a queue entry, an outbox message and a page of history, all in one row."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Status(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class WaitingFor(StrEnum):
    """Why a queued job is not due."""

    RETRY = "retry"
    DEPENDENCY = "dependency"
    PAUSE = "pause"


class Outcome(StrEnum):
    """How an attempt ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    RETRY = "retry"
    WAITING = "waiting"
    RELEASED = "released"  # shutdown, soft limit, or the object changed under it
    LAPSED = "lapsed"  # its lease ran out: the worker died or hung
    CANCELLED = "cancelled"


_DURATION = text("(finished_at - coalesce(started_at, finished_at))")


class Job(Base):
    """At most one unfinished job a document: a partial unique index holds that."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "status in ('queued', 'processing', 'completed', 'failed', 'cancelled')", name="status"
        ),
        CheckConstraint(
            "waiting_for is null or waiting_for in ('retry', 'dependency', 'pause')",
            name="waiting_for",
        ),
        Index(
            "uq_jobs_unfinished_document",
            "document_id",
            unique=True,
            postgresql_where=text("status in ('queued', 'processing')"),
        ),
        # The announcer's: the next due jobs of one dataset.
        Index(
            "ix_jobs_queued",
            "dataset_id",
            "large",
            text("priority desc"),
            "run_after",
            "id",
            postgresql_where=text("status = 'queued'"),
        ),
        # What is on its way to a worker; and what a dependency that came back sets free.
        Index(
            "ix_jobs_announced",
            "announced_at",
            postgresql_where=text("status = 'queued' and announced_at is not null"),
        ),
        Index(
            "ix_jobs_dependency",
            "dependency",
            "run_after",
            postgresql_where=text("status = 'queued' and waiting_for = 'dependency'"),
        ),
        Index(
            "ix_jobs_failures",
            "tenant_id",
            "error_fingerprint",
            postgresql_where=text("status = 'failed'"),
        ),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("status = 'processing'")),
        Index("ix_jobs_document_id_id", "document_id", "id"),
        Index("ix_jobs_tenant_id_id", "tenant_id", "id"),
        Index("ix_jobs_tenant_id_status_id", "tenant_id", "status", "id"),
        Index("ix_jobs_dataset_id_id", "dataset_id", "id"),
        Index("ix_jobs_dataset_id_status_id", "dataset_id", "status", "id"),
        # The orders of a list; each has an entry of a finished job only.
        *(
            Index(
                name,
                owner,
                "status",
                value,
                "id",
                postgresql_where=text("finished_at is not null"),
            )
            for name, owner, value in (
                ("ix_jobs_finished", "tenant_id", "finished_at"),
                ("ix_jobs_duration", "tenant_id", _DURATION),
                ("ix_jobs_tokens", "tenant_id", "tokens"),
                ("ix_jobs_dataset_finished", "dataset_id", "finished_at"),
                ("ix_jobs_dataset_duration", "dataset_id", _DURATION),
                ("ix_jobs_dataset_tokens", "dataset_id", "tokens"),
            )
        ),
        Index(
            "ix_jobs_error_code",
            "tenant_id",
            "error_code",
            "id",
            postgresql_where=text("error_code is not null"),
        ),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"))
    reason: Mapped[str]  # event, upload, trigger, delete, audit: what made it
    priority: Mapped[int] = mapped_column(server_default="0")
    large: Mapped[bool] = mapped_column(server_default=text("false"))  # has a queue of its own

    status: Mapped[str] = mapped_column(server_default=Status.QUEUED)
    waiting_for: Mapped[str | None]
    dependency: Mapped[str | None]
    waiting_since: Mapped[datetime | None]  # of the dependency; cleared by progress
    dependency_waits: Mapped[int] = mapped_column(server_default="0")
    run_after: Mapped[datetime] = mapped_column(server_default=func.now())
    announced_at: Mapped[datetime | None]

    fence: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    lapses: Mapped[int] = mapped_column(server_default="0")
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    wanted_seen: Mapped[int | None]  # the document's `wanted` when the attempt began

    stage: Mapped[str | None]
    progress: Mapped[int] = mapped_column(server_default="0")  # percent
    seconds_left: Mapped[int | None]  # as its attempt estimated when it wrote the progress last
    chunks_done: Mapped[int] = mapped_column(server_default="0")
    tokens: Mapped[int] = mapped_column(server_default="0")
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    error_fingerprint: Mapped[str | None]  # of code, stage and text: alike for like failures

    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Attempt(Base):
    """One claim of a job and how it ended; the history survives everything."""

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("job_id", "fence"),
        Index("ix_attempts_worker", "worker", "job_id"),
    )

    id: Mapped[Key]
    job_id: Mapped[UUID] = mapped_column(ForeignKey("jobs.id"))
    number: Mapped[int]
    fence: Mapped[int]
    worker: Mapped[str]
    stage: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(server_default=Outcome.RUNNING)
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    tokens: Mapped[int] = mapped_column(server_default="0")
    chunks_embedded: Mapped[int] = mapped_column(server_default="0")
    chunks_reused: Mapped[int] = mapped_column(server_default="0")
    stage_seconds: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    started_at: Mapped[CreatedAt]
    finished_at: Mapped[datetime | None]
