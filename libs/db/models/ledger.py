"""What only grows: events, usage, who did what; and the breakers, which come and go."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Numeric, Sequence, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Event(Base):
    """A change of state, so that a client can go on where it was cut off.

    `id` is drawn before the commit, `number` after it: only numbers rise in the order in which
    events become visible (`repositories/events.py`), so only they are cursors.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_job_id_id", "job_id", "id", postgresql_where=text("job_id is not null")),
        Index(
            "uq_events_number",
            "number",
            unique=True,
            postgresql_where=text("number is not null"),
        ),
        Index("ix_events_unnumbered", "id", postgresql_where=text("number is null")),
        Index(
            "ix_events_tenant_id_number",
            "tenant_id",
            "number",
            postgresql_where=text("number is not null"),
        ),
        Index(
            "ix_events_dataset_id_number",
            "dataset_id",
            "number",
            postgresql_where=text("number is not null"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[int | None]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"))
    dataset_id: Mapped[UUID] = mapped_column(ForeignKey("datasets.id"))
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"))
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("jobs.id"))
    kind: Mapped[str]  # noun.verb, as in the logs
    data: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    created_at: Mapped[CreatedAt]


# What events are numbered from, one after another.
EVENT_NUMBERS = Sequence("event_numbers", metadata=Base.metadata)


class Usage(Base):
    """Tokens that one attempt on one day, or one search, had embedded, and their cost in dollars.

    Written whenever the endpoint has answered, so it holds what a killed attempt has paid too.
    """

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
    # Those among the tokens that we counted ourselves, as the endpoint does not say.
    tokens_counted: Mapped[int] = mapped_column(server_default="0")
    cost: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))  # None: the price is not known
    # Texts whose vectors were there already, and about what they would have cost.
    texts_reused: Mapped[int] = mapped_column(server_default="0")
    tokens_saved: Mapped[int] = mapped_column(server_default="0")
    cost_saved: Mapped[Decimal | None] = mapped_column(Numeric(18, 9))
    created_at: Mapped[CreatedAt]


class EmbeddedText(Base):
    """Where in the index the vector of a text stands, for a document that has the same text.

    `key` is made of tenant, embedding space and text, so nobody finds what is another's. A hint
    only: whether the row is there is seen when it is fetched. `other_*` is where it stands besides,
    in another document, if that is known: either may be removed.
    """

    __tablename__ = "embedded_texts"
    __table_args__ = (
        Index("ix_embedded_texts_document_id", "document_id"),
        Index(
            "ix_embedded_texts_other_document_id",
            "other_document_id",
            postgresql_where=text("other_document_id is not null"),
        ),
    )

    key: Mapped[UUID] = mapped_column(primary_key=True)
    # Without foreign keys: a check of each for every chunk is not worth it for a hint.
    dataset_id: Mapped[UUID]
    document_id: Mapped[UUID]
    generation: Mapped[int]
    ordinal: Mapped[int]
    other_dataset_id: Mapped[UUID | None]
    other_document_id: Mapped[UUID | None]
    other_generation: Mapped[int | None]
    other_ordinal: Mapped[int | None]


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
