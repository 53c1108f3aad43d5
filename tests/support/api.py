"""The API over the real servers, in this process: requests go straight into its ASGI app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from api.app import create_app
from api.envelope import Envelope
from api.keys import create
from api.settings import ApiSettings
from db.engine import Sessions, create_engine, session_factory
from db.models import Role


@dataclass(frozen=True, slots=True)
class Api:
    """The running application and a client with a key of the tenant `acme`."""

    app: Envelope
    client: httpx.AsyncClient
    sessions: Sessions

    def as_key(self, key: str) -> httpx.AsyncClient:
        """A client with another key, or with none."""
        return client_of(self.app, key)

    async def tenant_key(self, tenant: str = "other", role: Role = Role.ADMIN) -> str:
        return await create(self.sessions, tenant=tenant, name="test", role=role)

    async def dataset(self, **body: Any) -> UUID:
        answer = await self.client.post("/api/v1/datasets", json={"name": "Reports", **body})
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["dataset"]["id"])


def client_of(app: Envelope, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
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
async def running(environment: dict[str, str], **changes: str) -> AsyncIterator[Api]:
    """The API under these variables."""
    values = {**environment, **changes}
    names = {str(field.validation_alias): name for name, field in ApiSettings.model_fields.items()}
    settings = ApiSettings.model_validate(
        {names[name]: value for name, value in values.items() if name in names}
    )
    app = create_app(settings)
    engine = create_engine(
        settings.database_url.get_secret_value(), pool_size=4, application_name="test"
    )
    sessions = session_factory(engine)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        await stack.enter_async_context(_lifespan(app))
        key = await create(sessions, tenant="acme", name="test", role=Role.ADMIN)
        client = await stack.enter_async_context(client_of(app, key))
        yield Api(app, client, sessions)
