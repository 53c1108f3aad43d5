"""Following along over a WebSocket: nothing is missed, whatever is cut."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from db.models import ApiKey, Event
from db.repositories.tenants import TenantRepository
from pipeline.ticks import RedisTicks, Tick
from stack.backends import Backends
from support.api import Api
from support.sockets import Served, close_code, frame, serving

BURST = 1_200  # more than the hub reads at once, and twice what may wait for a client


@pytest.fixture
async def served(api: Api) -> AsyncIterator[Served]:
    async with serving(api) as found:
        yield found


async def write(api: Api, dataset: UUID, *kinds: str) -> None:
    async with api.sessions.begin() as session:
        owner = await session.scalar(select(Event.tenant_id).where(Event.dataset_id == dataset))
        assert owner is not None
        session.add_all([Event(tenant_id=owner, dataset_id=dataset, kind=kind) for kind in kinds])


async def test_a_client_hears_what_happens_and_after_a_cut_what_it_missed(
    api: Api, served: Served
) -> None:
    dataset = await api.dataset()
    async with served.open(f"/datasets/{dataset}/events") as socket:
        ready = await frame(socket)
        files = [{"file_name": "a.txt", "size": 5}]
        await api.client.post(f"/api/v1/datasets/{dataset}/uploads", json={"files": files})
        heard = await frame(socket, "event")

    await api.client.patch(f"/api/v1/datasets/{dataset}", json={"paused": True})
    await write(api, dataset, *(f"many.{number}" for number in range(BURST)))
    async with served.open(f"/datasets/{dataset}/events?cursor={heard['cursor']}") as socket:
        again = await frame(socket)
        missed = [await frame(socket, "event") for _ in range(BURST + 1)]
        await write(api, dataset, *(f"more.{number}" for number in range(BURST)))
        live = [await frame(socket, "event") for _ in range(BURST)]

    assert ready["type"] == again["type"] == "ready"
    assert (heard["kind"], heard["dataset_id"]) == ("document.expected", str(dataset))
    assert UUID(heard["document_id"])
    assert (missed[0]["kind"], missed[0]["data"]) == ("dataset.changed", {"changed": ["paused"]})
    assert [each["kind"] for each in missed[1:]] == [f"many.{n}" for n in range(BURST)]
    assert [each["kind"] for each in live] == [f"more.{n}" for n in range(BURST)]
    cursors = [each["cursor"] for each in [heard, *missed, *live]]
    assert cursors == sorted(set(cursors))


async def test_pages_show_the_same_events_to_those_who_poll(api: Api) -> None:
    dataset = await api.dataset()
    await write(api, dataset, "one.told", "two.told")
    path = f"/api/v1/datasets/{dataset}/events"

    first = (await api.client.get(path, params={"limit": 2})).json()
    rest = (await api.client.get(path, params={"cursor": first["next_cursor"]})).json()
    await write(api, await api.dataset(), "three.elsewhere")
    end = (await api.client.get(path, params={"cursor": rest["next_cursor"]})).json()
    unknown = await api.client.get(path, params={"cursor": "999999999"})

    kinds = [each["kind"] for each in first["items"] + rest["items"]]
    assert kinds == ["dataset.created", "one.told", "two.told"]
    assert end["items"] == []
    assert int(end["next_cursor"]) > int(rest["next_cursor"])  # or it would expire on a quiet day
    assert (unknown.status_code, unknown.json()["code"]) == (410, "cursor_expired")


async def test_ticks_of_progress_reach_only_those_whose_job_it_is(
    api: Api, served: Served, backends: Backends
) -> None:
    dataset, other = await api.dataset(), await api.dataset()
    async with api.sessions() as session:
        tenant = await session.scalar(select(Event.tenant_id).where(Event.dataset_id == dataset))
    assert tenant is not None

    def tick(dataset_id: UUID, percent: int) -> Tick:
        return Tick(tenant, dataset_id, uuid4(), uuid4(), "embed", percent, 3, 40, 7)

    async with (
        Redis.from_url(backends.environment()["REDIS_URL"]) as redis,
        served.open(f"/datasets/{dataset}/events") as socket,
    ):
        await frame(socket, "ready")
        ticks = RedisTicks(redis, namespace="sluice")
        publishing = asyncio.create_task(ticks.run())
        try:
            async with asyncio.timeout(20):
                # The first may come before the subscription is made: they are told at best.
                while not await redis.pubsub_numpat():  # noqa: ASYNC110 - Redis has no event for it
                    await asyncio.sleep(0.01)
            ticks.offer(tick(other, 11))
            ticks.offer(tick(dataset, 22))
            told = await frame(socket, "progress")
        finally:
            publishing.cancel()

    assert (told["percent"], told["dataset_id"], told["stage"]) == (22, str(dataset), "embed")
    assert (told["chunks_done"], told["tokens"], told["seconds_left"]) == (3, 40, 7)
    assert "tenant_id" not in told


async def test_who_may_not_follow_is_told_why(api: Api, served: Served) -> None:
    dataset = await api.dataset()
    stranger = {"Authorization": f"Bearer {await api.tenant_key()}"}
    foreign = {"Cookie": "sluice_session=x", "Origin": "https://elsewhere.example"}
    path = f"/datasets/{dataset}/events"
    expected = {
        4401: (path, {"Authorization": "Bearer nonsense"}),
        4403: (path, foreign),
        4404: (path, stranger),
        4400: (f"{path}?cursor=x", {}),
        4410: (f"{path}?cursor=999999999", {}),
    }

    seen = {}
    for code, (where, headers) in expected.items():
        async with served.open(where, **headers) as socket:
            seen[code] = await close_code(socket)

    assert seen == {code: code for code in expected}


async def test_another_tenant_hears_nothing_and_a_deleted_dataset_ends_its_socket(
    api: Api, served: Served
) -> None:
    mine = await api.dataset()
    stranger = {"Authorization": f"Bearer {await api.tenant_key()}"}
    async with (
        served.open("/events", **stranger) as theirs,
        served.open(f"/datasets/{mine}/events") as socket,
    ):
        await frame(theirs, "ready")
        await frame(socket, "ready")

        await api.client.delete(f"/api/v1/datasets/{mine}")

        last = await frame(socket, "event")
        assert (last["kind"], await close_code(socket)) == ("dataset.deleted", 4404)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await theirs.recv()


async def test_a_revoked_key_ends_its_socket_within_seconds(api: Api, served: Served) -> None:
    async with served.open("/events") as socket:
        await frame(socket, "ready")
        async with api.sessions.begin() as session:
            prefix = served.key[:13]
            key = await session.scalar(select(ApiKey.id).where(ApiKey.prefix == prefix))
            assert key is not None
            await TenantRepository(session).revoke(key)

        code = await close_code(socket)

    assert code == 4401


async def test_a_server_that_stops_asks_its_clients_to_come_again(api: Api, served: Served) -> None:
    async with served.open("/events") as socket:
        await frame(socket, "ready")

        served.server.should_exit = True

        assert await close_code(socket) == 1012
