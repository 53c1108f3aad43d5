"""The API over the real servers, in this process: requests go straight into its ASGI app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID, uuid4

import httpx

from api.app import create_app
from api.envelope import Envelope
from api.keys import create
from api.settings import ApiSettings
from db.engine import Sessions, create_engine, session_factory
from db.models import Role
from stack.backends import Backends
from support.databases import fresh_database


@dataclass(frozen=True, slots=True)
class Api:
    """The running application and a client with a key of a tenant of its own."""

    app: Envelope
    client: httpx.AsyncClient
    sessions: Sessions
    tenant: str

    def as_key(self, key: str) -> httpx.AsyncClient:
        """A client with another key, or with none."""
        return client_of(self.app, key)

    async def tenant_key(self, tenant: str | None = None, role: Role = Role.ADMIN) -> str:
        """Of another tenant, unless it is named."""
        tenant = tenant or f"other-{uuid4().hex}"
        return await create(self.sessions, tenant=tenant, name="test", role=role)

    async def dataset(self, **body: Any) -> UUID:
        answer = await self.client.post("/api/v1/datasets", json={"name": "Reports", **body})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["dataset"]["id"])


def client_of(app: Envelope, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(cast(Any, app), raise_app_exceptions=False),
        base_url="http://api",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=30,
    )


@asynccontextmanager
async def _lifespan(app: Envelope) -> AsyncIterator[None]:
    """In a task of its own: a fixture is set up and torn down in different ones."""
    started, ended = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.litestar.lifespan():
            started.set()
            await ended.wait()

    task = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task  # it failed to start
    try:
        yield
    finally:
        ended.set()
        await task


@asynccontextmanager
async def new_tenant(app: Envelope, sessions: Sessions) -> AsyncIterator[Api]:
    """The same application for somebody whom it has never seen."""
    tenant = f"tenant-{uuid4().hex}"
    key = await create(sessions, tenant=tenant, name="test", role=Role.ADMIN)
    async with client_of(app, key) as client:
        yield Api(app, client, sessions, tenant)


@asynccontextmanager
async def own_environment(backends: Backends, template: str) -> AsyncIterator[dict[str, str]]:
    """The variables of an API with a database and collections of its own."""
    environment = backends.environment()
    async with fresh_database(environment["DATABASE_URL"], template=template) as url:
        yield {
            **environment,
            "DATABASE_URL": url,
            "SLUICE_MILVUS_PREFIX": f"test_{uuid4().hex}_",
            "SLUICE_EMBEDDING_MODEL": "synthetic",
        }


@asynccontextmanager
async def running(
    environment: dict[str, str], *, key_database: str | None = None, **changes: str
) -> AsyncIterator[Api]:
    """The API under these variables; the first key is made in its database, or in that named."""
    values = {**environment, **changes}
    names = {str(field.validation_alias): name for name, field in ApiSettings.model_fields.items()}
    settings = ApiSettings.model_validate(
        {names[name]: value for name, value in values.items() if name in names}
    )
    app = create_app(settings)
    engine = create_engine(
        key_database or settings.database_url.get_secret_value(),
        pool_size=4,
        application_name="test",
    )
    sessions = session_factory(engine)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        await stack.enter_async_context(_lifespan(app))
        async with new_tenant(app, sessions) as api:
            yield api
