"""Cancelling what a document or a whole dataset has at work."""

from uuid import UUID

import pytest

from db.errors import FenceRaised
from db.models import Role
from db.repositories.jobs import AttemptTally, JobRepository
from support.api import Api
from support.attempts import claim, complete, fail
from support.work import home_of, noted, queued

DATASETS = "/api/v1/datasets"


async def states(api: Api, dataset_id: UUID) -> dict[str, str]:
    answer = await api.client.get(f"/api/v1/jobs?dataset_id={dataset_id}&limit=200")
    return {job["file_name"]: job["status"] for job in answer.json()["items"]}


async def test_a_cancelled_dataset_has_nothing_at_work_but_removals(api: Api) -> None:
    home = await home_of(api)
    done, failed, running, _, gone = await queued(api, home, *"abcde")
    await complete(api.sessions, done, chunks=1)
    await fail(api.sessions, failed, code="too_large", message="Oh.")
    claimed = await claim(api.sessions, running)
    document = (await api.client.get(f"/api/v1/jobs/{gone}")).json()["document_id"]
    await api.client.delete(f"{DATASETS}/{home.dataset_id}/documents/{document}")
    [elsewhere] = await queued(api, await home_of(api), "a")

    answer = await api.client.post(f"{DATASETS}/{home.dataset_id}/cancel")

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"dry_run": False, "cancelled": 2, "remaining": 0}
    assert await states(api, home.dataset_id) == {
        "a": "completed", "b": "failed", "c": "cancelled", "d": "cancelled", "e": "queued",
    }  # fmt: skip
    assert (await api.client.get(f"/api/v1/jobs/{elsewhere}")).json()["status"] == "queued"
    with pytest.raises(FenceRaised):
        async with api.sessions.begin() as session:
            await JobRepository(session).complete(claimed, AttemptTally())
    [attempt] = (await api.client.get(f"/api/v1/jobs/{running}/attempts")).json()["items"]
    assert attempt["outcome"] == "cancelled"
    assert ("jobs.cancelled", str(home.dataset_id)) in await noted(api)


async def test_a_dataset_is_cancelled_batch_by_batch(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.orders.BATCH", 3)
    home = await home_of(api)
    await queued(api, home, *(f"{number}.txt" for number in range(8)))

    answer = await api.client.post(f"{DATASETS}/{home.dataset_id}/cancel")

    assert (answer.json()["cancelled"], answer.json()["remaining"]) == (8, 0)
    assert set((await states(api, home.dataset_id)).values()) == {"cancelled"}
    assert [action for action, _ in await noted(api)] == ["jobs.cancelled"] * 3


async def test_a_documents_job_is_cancelled_once(api: Api) -> None:
    home = await home_of(api)
    [job] = await queued(api, home, "a")
    document = (await api.client.get(f"/api/v1/jobs/{job}")).json()["document_id"]
    path = f"{DATASETS}/{home.dataset_id}/documents/{document}/cancel"

    answer = await api.client.post(path)
    again = await api.client.post(path)

    assert answer.status_code == 200, answer.text
    assert (answer.json()["task_id"], answer.json()["status"]) == (str(job), "cancelled")
    assert (again.status_code, again.json()["code"]) == (409, "job_conflict")
    assert await noted(api) == [("job.cancelled", str(job))]


async def test_strangers_and_readers_cancel_nothing(api: Api) -> None:
    home = await home_of(api)
    [job] = await queued(api, home, "a")
    document = (await api.client.get(f"/api/v1/jobs/{job}")).json()["document_id"]
    stranger = api.as_key(await api.tenant_key())
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))
    paths = [
        f"{DATASETS}/{home.dataset_id}/cancel",
        f"{DATASETS}/{home.dataset_id}/documents/{document}/cancel",
    ]

    strange = [(await stranger.post(path)).status_code for path in paths]
    read = [(await reader.post(path)).status_code for path in paths]

    assert (strange, read) == ([404, 404], [403, 403])
    assert await states(api, home.dataset_id) == {"a": "queued"}
