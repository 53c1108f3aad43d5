"""A dataset: files that are chunked, embedded and searched alike."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Dataset(Base):
    """`live_space` names the embedding space it searches; a deleted one stays as a tombstone."""

    __tablename__ = "datasets"
    __table_args__ = (
        Index("ix_datasets_tenant_id_id", "tenant_id", "id"),
        Index("ix_datasets_deleted", "id", postgresql_where=text("deleted_at is not null")),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    name: Mapped[str]
    chunk_strategy: Mapped[str] = mapped_column(server_default="recursive")
    chunk_size: Mapped[int] = mapped_column(server_default="1000")
    chunk_overlap: Mapped[int] = mapped_column(server_default="200")
    chunk_heading_prefix: Mapped[bool] = mapped_column(server_default=text("false"))
    live_space: Mapped[str]
    # Of its text, as ISO 639-1; each from before its first row is written, and none ever leaves.
    languages: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    priority: Mapped[int] = mapped_column(server_default="0")
    paused_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    purged_at: Mapped[datetime | None]  # a deleted dataset of which nothing is left anywhere
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
