"""The tenant whose key calls: a pause of everything."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from litestar import Router, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api.auth import Caller, may_write
from api.errors import ReadOnlyKey
from api.problems import documented
from api.requests import UpdateTenant
from api.resources import Resources
from db.repositories.audit_log import AuditLogRepository
from db.repositories.tenants import TenantRepository, TenantRow


@dataclass(frozen=True, slots=True)
class TenantView:
    """Nothing of the tenant is indexed while it is `paused`. The counts leave out what was deleted
    and what is finished."""

    name: str
    paused: bool
    paused_at: datetime | None
    dataset_count: int
    queued_count: int
    processing_count: int
    created_at: datetime

    @classmethod
    def of(cls, row: TenantRow) -> Self:
        return cls(
            name=row.name,
            paused=row.paused_at is not None,
            paused_at=row.paused_at,
            dataset_count=row.datasets,
            queued_count=row.queued,
            processing_count=row.processing,
            created_at=row.created_at,
        )


@get("/", summary="Get the tenant", responses=documented())
async def get_tenant(
    caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> TenantView:
    """Whom the API key belongs to, and what there is to do."""
    async with resources.sessions() as session:
        return TenantView.of(await TenantRepository(session).get(caller.tenant_id))


@patch(
    "/",
    guards=[may_write],
    summary="Pause or resume everything",
    responses=documented(ReadOnlyKey, takes_body=True),
)
async def update_tenant(
    data: JSONBody[UpdateTenant],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> TenantView:
    """A pause holds back the indexing of all datasets, not deletion. A dataset that is paused by
    itself stays so when the tenant is resumed."""
    async with resources.sessions.begin() as session:
        tenants = TenantRepository(session)
        await tenants.pause(caller.tenant_id, paused=data.paused)
        AuditLogRepository(session).record(
            caller, "tenant.changed", caller.tenant_id, paused=data.paused
        )
        return TenantView.of(await tenants.get(caller.tenant_id))


router = Router("/tenant", route_handlers=[get_tenant, update_tenant], tags=["Tenant"])
