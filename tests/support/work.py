"""Work of an API's tenant that needs no bucket: documents as events announce them."""

from uuid import UUID

from sqlalchemy import select

from db.models import AuditEntry, Tenant
from support.api import Api
from support.catalog import Home, apply, make_home


async def tenant_id_of(api: Api) -> UUID:
    async with api.sessions() as session:
        return (await session.scalars(select(Tenant.id).where(Tenant.name == api.tenant))).one()


async def home_of(api: Api) -> Home:
    """A new dataset of the caller's tenant."""
    return await make_home(api.sessions, tenant_id=await tenant_id_of(api))


async def queued(api: Api, home: Home, *names: str) -> list[UUID]:
    """A queued job for each of these new files, in their order."""
    jobs = await apply(api.sessions, *(home.change(name) for name in names))
    found = [jobs[f"{home.dataset_id}/{name}"] for name in names]
    return [job for job in found if job is not None]


async def noted(api: Api) -> list[tuple[str, str]]:
    """The tenant's audit log, oldest first: action and target."""
    async with api.sessions() as session:
        rows = await session.execute(
            select(AuditEntry.action, AuditEntry.target)
            .where(AuditEntry.tenant_id == await tenant_id_of(api))
            .order_by(AuditEntry.id)
        )
    return [(action, target) for action, target in rows]
