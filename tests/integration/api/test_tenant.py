"""A pause of everything that a tenant has."""

from typing import Any

from db.models import Role
from support.api import Api
from support.attempts import claim
from support.work import home_of, noted, queued, tenant_id_of

TENANT = "/api/v1/tenant"


async def test_a_tenant_sees_what_it_has(api: Api) -> None:
    home = await home_of(api)
    running, _, _ = await queued(api, home, *"abc")
    await claim(api.sessions, running)

    answer = await api.client.get(TENANT)

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["name"], found["paused"], found["paused_at"]) == (api.tenant, False, None)
    assert (found["dataset_count"], found["queued_count"], found["processing_count"]) == (1, 2, 1)


async def test_a_paused_tenants_jobs_and_documents_say_that_they_wait(api: Api) -> None:
    home = await home_of(api)
    running, _, gone = await queued(api, home, *"abc")
    await claim(api.sessions, running)
    documents = f"/api/v1/datasets/{home.dataset_id}/documents"
    removed = (await api.client.get(f"/api/v1/jobs/{gone}")).json()["document_id"]
    await api.client.delete(f"{documents}/{removed}")

    async def seen() -> dict[str, Any]:
        jobs = (await api.client.get("/api/v1/jobs")).json()["items"]
        listed = (await api.client.get(documents)).json()["items"]
        dataset = (await api.client.get(f"/api/v1/datasets/{home.dataset_id}")).json()
        return {
            "jobs": {job["file_name"]: job["waiting_for"] for job in jobs},
            "due": {job["file_name"]: job["next_attempt_at"] is not None for job in jobs},
            "documents": {each["file_name"]: each["waiting_for"] for each in listed},
            "dataset": (dataset["paused"], dataset["tenant_paused"]),
        }

    paused = await api.client.patch(TENANT, json={"paused": True})
    held = await seen()
    again = await api.client.patch(TENANT, json={"paused": True})
    resumed = await api.client.patch(TENANT, json={"paused": False})
    free = await seen()

    assert paused.json()["paused"] is True
    assert again.json()["paused_at"] == paused.json()["paused_at"] is not None
    assert (resumed.json()["paused"], resumed.json()["paused_at"]) == (False, None)
    assert held == {
        "jobs": {"a": None, "b": "pause", "c": None},
        "due": {"a": False, "b": False, "c": True},
        "documents": {"a": None, "b": "pause"},
        "dataset": (False, True),
    }
    assert set(free["jobs"].values()) == set(free["documents"].values()) == {None}
    assert free["dataset"] == (False, False)
    assert ("tenant.changed", str(await tenant_id_of(api))) in await noted(api)


async def test_a_pause_is_the_tenants_own_and_no_readers_to_give(api: Api) -> None:
    stranger = api.as_key(await api.tenant_key())
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))

    await api.client.patch(TENANT, json={"paused": True})
    refused = await reader.patch(TENANT, json={"paused": False})

    assert (await stranger.get(TENANT)).json()["paused"] is False
    assert (refused.status_code, (await reader.get(TENANT)).json()["paused"]) == (403, True)
    assert (await api.client.patch(TENANT, json={})).status_code == 400
