"""Tenants and their API keys. Only the SHA-256 of a key is stored, so a lookup compares no key."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from db.ids import uuid7
from db.models import ApiKey, Dataset, Job, Role, Status, Tenant
from db.repositories.bell import UNFINISHED, ring
from db.repositories.events import record_dataset_event


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who a key speaks for."""

    api_key_id: UUID
    tenant_id: UUID
    role: Role


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as people see it in a list; the key itself is not known any more."""

    api_key_id: UUID
    tenant: str
    name: str
    role: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class TenantRow:
    """A tenant, and how much of its is there and at work."""

    name: str
    paused_at: datetime | None
    created_at: datetime
    datasets: int
    queued: int
    processing: int


class TenantRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def holder(self, key_hash: bytes) -> KeyHolder | None:
        """Who a key speaks for; None if it is unknown or revoked."""
        row = (
            await self._session.execute(
                select(ApiKey.id, ApiKey.tenant_id, ApiKey.role).where(
                    ApiKey.key_hash == key_hash, ApiKey.revoked_at.is_(None)
                )
            )
        ).one_or_none()
        return None if row is None else KeyHolder(row.id, row.tenant_id, Role(row.role))

    async def valid_keys(self, api_key_ids: Collection[UUID]) -> set[UUID]:
        """Which of these keys were not revoked."""
        rows = await self._session.scalars(
            select(ApiKey.id).where(ApiKey.id.in_(api_key_ids), ApiKey.revoked_at.is_(None))
        )
        return set(rows)

    async def ensure_tenant(self, name: str) -> UUID:
        """The tenant of that name, made if there is none."""
        await self._session.execute(
            insert(Tenant).values(id=uuid7(), name=name).on_conflict_do_nothing()
        )
        return (
            await self._session.execute(select(Tenant.id).where(Tenant.name == name))
        ).scalar_one()

    async def get(self, tenant_id: UUID) -> TenantRow:
        """A tenant that a key spoke for, so there is one."""
        tenant = await self._session.get_one(Tenant, tenant_id, populate_existing=True)
        datasets = await self._session.scalar(
            select(func.count())
            .select_from(Dataset)
            .where(Dataset.tenant_id == tenant_id, Dataset.deleted_at.is_(None))
        )
        rows = await self._session.execute(
            select(Job.status, func.count())
            .where(Job.tenant_id == tenant_id, Job.status.in_(UNFINISHED))
            .group_by(Job.status)
        )
        jobs: dict[str, int] = dict(iter(rows))
        return TenantRow(
            name=tenant.name,
            paused_at=tenant.paused_at,
            created_at=tenant.created_at,
            datasets=datasets or 0,
            queued=jobs.get(Status.QUEUED, 0),
            processing=jobs.get(Status.PROCESSING, 0),
        )

    async def pause(self, tenant_id: UUID, *, paused: bool) -> None:
        """Hold back all indexing of a tenant, or let it go on; removals never wait."""
        await self._session.execute(
            update(Tenant)
            .where(Tenant.id == tenant_id)
            .values(paused_at=func.coalesce(Tenant.paused_at, func.now()) if paused else None)
            .execution_options(synchronize_session=False)
        )
        mine = and_(Dataset.tenant_id == tenant_id, Dataset.deleted_at.is_(None))
        await record_dataset_event(
            self._session, mine, "dataset.changed", changed=["tenant_paused"]
        )
        if not paused:
            await ring(self._session)

    async def set_role(self, api_key_id: UUID, role: Role) -> None:
        await self._session.execute(update(ApiKey).where(ApiKey.id == api_key_id).values(role=role))

    async def add_key(
        self, tenant_id: UUID, *, name: str, role: Role, prefix: str, key_hash: bytes
    ) -> UUID | None:
        """Store a key; None if that very key is stored already, for whomever."""
        return await self._session.scalar(
            insert(ApiKey)
            .values(
                id=uuid7(),
                tenant_id=tenant_id,
                name=name,
                role=role,
                prefix=prefix,
                key_hash=key_hash,
            )
            .on_conflict_do_nothing(index_elements=["key_hash"])
            .returning(ApiKey.id)
        )

    async def keys(self) -> list[KeyRow]:
        """Every key there is, by tenant and age."""
        rows = await self._session.execute(
            select(ApiKey, Tenant.name)
            .join(Tenant, Tenant.id == ApiKey.tenant_id)
            .order_by(Tenant.name, ApiKey.id)
        )
        return [
            KeyRow(
                api_key_id=key.id,
                tenant=tenant,
                name=key.name,
                role=key.role,
                prefix=key.prefix,
                created_at=key.created_at,
                revoked_at=key.revoked_at,
            )
            for key, tenant in rows
        ]

    async def revoke(self, api_key_id: UUID) -> bool:
        """Make a key worthless for good; False if there is none of that id."""
        revoked = await self._session.scalar(
            update(ApiKey)
            .where(ApiKey.id == api_key_id)
            .values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
            .returning(ApiKey.id)
        )
        return revoked is not None
