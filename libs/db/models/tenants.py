"""Who may use the service."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, CreatedAt, Key


class Role(StrEnum):
    """`operator` is an administrator who also sees what belongs to the deployment as a whole."""

    OPERATOR = "operator"
    ADMIN = "admin"
    READ_ONLY = "read_only"


class Tenant(Base):
    """An owner of datasets; nothing of one tenant is visible to another."""

    __tablename__ = "tenants"

    id: Mapped[Key]
    name: Mapped[str] = mapped_column(unique=True)
    paused_at: Mapped[datetime | None]  # nothing of the tenant is indexed meanwhile
    created_at: Mapped[CreatedAt]


class ApiKey(Base):
    """A key is shown once when it is made; only its SHA-256 is kept."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("role in ('operator', 'admin', 'read_only')", name="role"),)

    id: Mapped[Key]
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    name: Mapped[str]
    role: Mapped[str] = mapped_column(server_default=Role.ADMIN)
    prefix: Mapped[str]  # its first characters, so that people can tell keys apart
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    created_at: Mapped[CreatedAt]
    revoked_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A login with an API key; only the SHA-256 of the token in the browser's cookie is kept."""

    __tablename__ = "browser_sessions"
    __table_args__ = (Index("ix_browser_sessions_expires_at", "expires_at"),)

    id: Mapped[Key]
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    api_key_id: Mapped[UUID] = mapped_column(ForeignKey("api_keys.id"), index=True)
    created_at: Mapped[CreatedAt]
    expires_at: Mapped[datetime]
