"""Who may do what: keys, roles, and the walls between tenants."""

import asyncio
from uuid import uuid4

import pytest

from api import keys
from api.auth import hash_of
from db.models import Role
from db.repositories.tenants import TenantRepository
from support.api import Api

DATASETS = "/api/v1/datasets"


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer wrong", "Bearer sluice_" + "a" * 40,
     "sluice_" + "a" * 40],
)  # fmt: skip
async def test_without_a_valid_key_nothing_is_answered(api: Api, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = await api.as_key("").get(DATASETS, headers=headers)

    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] == "unauthenticated"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_refused(api: Api) -> None:
    key = await api.tenant_key()
    async with api.sessions.begin() as session:
        tenants = TenantRepository(session)
        holder = await tenants.holder(hash_of(key))
        assert holder is not None
        await tenants.revoke(holder.api_key_id)

    answer = await api.as_key(key).get(DATASETS)

    assert answer.status_code == 401


async def test_a_key_that_may_only_read_changes_nothing(api: Api) -> None:
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))
    dataset_id = await api.dataset()
    job = uuid4()

    read = await reader.get(f"{DATASETS}/{dataset_id}")
    refused = [
        await reader.post(DATASETS, json={"name": "x"}),
        await reader.patch(f"{DATASETS}/{dataset_id}", json={"name": "x"}),
        await reader.delete(f"{DATASETS}/{dataset_id}"),
        await reader.post(f"{DATASETS}/{dataset_id}/uploads", json={}),
        await reader.post(f"{DATASETS}/{dataset_id}/uploads/complete"),
        await reader.delete(f"{DATASETS}/{dataset_id}/documents/{job}"),
        await reader.post("/api/v1/jobs", json={}),
        await reader.post(f"/api/v1/jobs/{job}/cancel"),
        await reader.post(f"/api/v1/jobs/{job}/retry"),
    ]

    assert read.status_code == 200
    assert {answer.status_code for answer in refused} == {403}
    assert {answer.json()["code"] for answer in refused} == {"read_only_key"}


async def test_another_tenants_things_do_not_exist(api: Api) -> None:
    made = await api.client.post(DATASETS, json={"name": "x", "files": [{"file_name": "a.txt"}]})
    dataset_id = made.json()["dataset"]["id"]
    [document] = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
    stranger = api.as_key(await api.tenant_key())

    answers = [
        await stranger.get(f"{DATASETS}/{dataset_id}"),
        await stranger.patch(f"{DATASETS}/{dataset_id}", json={"name": "mine"}),
        await stranger.delete(f"{DATASETS}/{dataset_id}"),
        await stranger.get(f"{DATASETS}/{dataset_id}/documents"),
        await stranger.get(f"{DATASETS}/{dataset_id}/documents/{document['id']}"),
        await stranger.delete(f"{DATASETS}/{dataset_id}/documents/{document['id']}"),
        await stranger.post(
            f"{DATASETS}/{dataset_id}/uploads", json={"files": [{"file_name": "b"}]}
        ),
        await stranger.post(f"{DATASETS}/{dataset_id}/uploads/complete"),
        await stranger.post(f"{DATASETS}/{dataset_id}/search", json={"query": "x"}),
        await stranger.get(f"/api/v1/jobs/dataset/{dataset_id}/status"),
        await stranger.post(
            "/api/v1/jobs", json={"dataset_id": dataset_id, "object_key": f"{dataset_id}/a.txt"}
        ),
    ]  # fmt: skip
    listed = await stranger.get(DATASETS)

    assert {answer.status_code for answer in answers} == {404}
    assert listed.json() == {"items": [], "next_cursor": None}
    assert (await api.client.get(f"{DATASETS}/{dataset_id}")).json()["name"] == "x"


async def test_ensuring_a_key_twice_makes_it_once(api: Api) -> None:
    key = "sluice_" + "k" * 40

    async def ensure(tenant: str) -> bool:
        return await keys.ensure(api.sessions, tenant=tenant, name="n", role=Role.ADMIN, key=key)

    made = await asyncio.gather(ensure("local"), ensure("local"))

    assert sorted(made) == [False, True]
    assert (await api.as_key(key).get(DATASETS)).status_code == 200
    with pytest.raises(keys.KeyRefused, match="another tenant"):
        await ensure("other")
    with pytest.raises(keys.KeyRefused, match="40"):
        await keys.ensure(api.sessions, tenant="local", name="n", role=Role.ADMIN, key="short")


async def test_ensuring_a_key_gives_it_the_role_that_is_asked_for(api: Api) -> None:
    key = await api.tenant_key(api.tenant, Role.ADMIN)

    made = await keys.ensure(api.sessions, tenant=api.tenant, name="n", role=Role.OPERATOR, key=key)

    assert not made
    assert (await api.as_key(key).get("/api/v1/quarantine")).status_code == 200


async def test_the_list_of_keys_shows_no_key(api: Api) -> None:
    key = await api.tenant_key(api.tenant)

    lines = "\n".join(await keys.table(api.sessions))

    assert key[:13] in lines
    assert key not in lines
