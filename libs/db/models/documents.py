"""A document: one object of the bucket, as the index should show it and as it does."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Document(Base):
    """Two things are kept apart: what is searchable, and what is being built.

    `live_*` describe the version that search shows. `building_*` describe the generation that an
    attempt allocated, so that the next attempt at the same version goes on with its rows.
    `wanted` rises with every hint that the object changed; a job that finishes compares it.
    """

    __tablename__ = "documents"
    __table_args__ = (
        Index("ix_documents_dataset_id_id", "dataset_id", "id"),
        Index(
            "ix_documents_purge_after",
            "purge_after",
            postgresql_where=text("purge_after is not null"),
        ),
        Index(
            "ix_documents_removing",
            "id",
            postgresql_where=text("deleted_at is not null and removed_at is null"),
        ),
        Index(
            "ix_documents_removed_unasked_at",
            "removed_unasked_at",
            postgresql_where=text("removed_unasked_at is not null"),
        ),
        Index(
            "ix_documents_metadata",
            "metadata",
            postgresql_using="gin",
            postgresql_ops={"metadata": "jsonb_path_ops"},
        ),
    )

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    # Ordered by bytes, as the object store lists keys: the audit walks both side by side.
    object_key: Mapped[str] = mapped_column(Text(collation="C"), unique=True)
    file_name: Mapped[str]
    content_type: Mapped[str | None]
    # What clients say of it, to be filtered by; `metadata` is SQLAlchemy's own name in a class.
    client_metadata: Mapped[dict[str, Any]] = mapped_column(
        "metadata", server_default=text("'{}'::jsonb")
    )

    # What is known of the object.
    size: Mapped[int | None]
    etag: Mapped[str | None]
    last_modified: Mapped[datetime | None]  # by the store's clock, as an attempt saw it
    wanted: Mapped[int] = mapped_column(server_default="0")
    event_etag: Mapped[str | None]  # of the newest event taken in: tells a repetition from news
    event_time: Mapped[datetime | None]
    judged_etag: Mapped[str | None]  # the version on which the latest job gave up

    # What is being built.
    generation: Mapped[int] = mapped_column(server_default="0")  # the highest ever allocated
    building_etag: Mapped[str | None]
    building_fingerprint: Mapped[str | None]

    # What search shows.
    live_generation: Mapped[int | None]
    live_etag: Mapped[str | None]
    live_fingerprint: Mapped[str | None]
    live_space: Mapped[str | None]
    live_at: Mapped[datetime | None]
    chunk_count: Mapped[int] = mapped_column(server_default="0")
    # The space of its pictures' vectors, and how many have one; null: none was looked for.
    live_image_space: Mapped[str | None]
    image_count: Mapped[int] = mapped_column(server_default="0")
    page_count: Mapped[int | None]
    character_count: Mapped[int | None]
    media_type: Mapped[str | None]
    warnings: Mapped[list[str]] = mapped_column(server_default=text("'[]'::jsonb"))
    # How its pages were read, as `Built.pages`; null for types without pages that may be pictures.
    pages_read: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    # How it ends.
    deleted_at: Mapped[datetime | None]  # the tombstone: out of search at once
    deleted_etag: Mapped[str | None]  # the version that was known when the client deleted
    deleted_modified: Mapped[datetime | None]  # its age, by the store's clock
    removed_at: Mapped[datetime | None]  # object and rows are gone
    removed_unasked_at: Mapped[datetime | None]  # gone although no client asked (removal guard)
    purge_after: Mapped[datetime | None]  # older generations may be deleted from then on
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]
