"""Audits and syncs are asked for, listed and read, each tenant its own."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from db.models import AuditRun, AuditStatus, Role
from support.api import Api

AUDITS = "/api/v1/audits"
KINDS_OF_ROWS = {"orphan_rows", "missing_rows", "wrong_count"}
KINDS_OF_OBJECTS = {"lost_event", "vanished_object", "suspicious"}


def sync_of(dataset_id: UUID) -> str:
    return f"/api/v1/datasets/{dataset_id}/sync"


async def listed(api: Api, **query: Any) -> list[str]:
    """The ids of all pages."""
    ids: list[str] = []
    cursor: str | None = None
    while True:
        given = query if cursor is None else {**query, "cursor": cursor}
        page = (await api.client.get(AUDITS, params=given)).json()
        ids += [audit["id"] for audit in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return ids


async def test_an_audit_of_everything_is_accepted_and_waits_for_a_poller(api: Api) -> None:
    answer = await api.client.post(AUDITS)

    assert answer.status_code == 202, answer.text
    audit = answer.json()
    assert (audit["kind"], audit["status"]) == ("audit", "queued")
    assert (audit["dataset_id"], audit["dry_run"]) == (None, False)
    assert set(audit["findings"]) == KINDS_OF_OBJECTS | KINDS_OF_ROWS
    assert audit["findings"]["lost_event"] == {"found": 0, "repaired": 0, "examples": []}
    assert (await api.client.get(f"{AUDITS}/{audit['id']}")).json() == audit


async def test_a_dry_run_of_one_dataset_says_so(api: Api) -> None:
    dataset_id = await api.dataset()

    answer = await api.client.post(AUDITS, json={"dataset_id": str(dataset_id), "dry_run": True})

    assert answer.status_code == 202
    assert (answer.json()["dataset_id"], answer.json()["dry_run"]) == (str(dataset_id), True)


@pytest.mark.parametrize(
    ("body", "dry_run"), [(None, False), ({}, False), ({"dry_run": True}, True)]
)
async def test_a_sync_looks_at_objects_only(
    api: Api, body: dict[str, bool] | None, *, dry_run: bool
) -> None:
    dataset_id = await api.dataset()

    answer = await api.client.post(sync_of(dataset_id), json=body)

    assert answer.status_code == 202, answer.text
    sync = answer.json()
    assert (sync["kind"], sync["dataset_id"]) == ("sync", str(dataset_id))
    assert sync["dry_run"] is dry_run
    assert set(sync["findings"]) == KINDS_OF_OBJECTS


async def test_asking_again_before_it_began_is_asking_once(api: Api) -> None:
    dataset_id = await api.dataset()
    first = (await api.client.post(sync_of(dataset_id))).json()

    again = (await api.client.post(sync_of(dataset_id))).json()
    others = [
        (await api.client.post(sync_of(dataset_id), json={"dry_run": True})).json(),
        (await api.client.post(AUDITS, json={"dataset_id": str(dataset_id)})).json(),
        (await api.client.post(AUDITS)).json(),
    ]

    assert again["id"] == first["id"]
    assert len({first["id"], *(other["id"] for other in others)}) == 4


async def test_pages_hold_every_audit_once_newest_first(api: Api) -> None:
    made = [(await api.client.post(AUDITS)).json()["id"]]
    for _ in range(4):
        dataset_id = await api.dataset()
        made.append((await api.client.post(sync_of(dataset_id))).json()["id"])

    assert await listed(api, limit=2) == made[::-1]


async def test_another_tenant_sees_and_starts_nothing_of_it(api: Api) -> None:
    dataset_id = await api.dataset()
    audit = (await api.client.post(AUDITS)).json()
    stranger = api.as_key(await api.tenant_key())

    answers = [
        await stranger.get(f"{AUDITS}/{audit['id']}"),
        await stranger.post(AUDITS, json={"dataset_id": str(dataset_id)}),
        await stranger.post(sync_of(dataset_id)),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (404, "audit_not_found"),
        (404, "dataset_not_found"),
        (404, "dataset_not_found"),
    ]
    assert (await stranger.get(AUDITS)).json()["items"] == []


async def test_a_deleted_dataset_is_not_there_to_be_synced(api: Api) -> None:
    dataset_id = await api.dataset()
    await api.client.delete(f"/api/v1/datasets/{dataset_id}")

    assert (await api.client.post(sync_of(dataset_id))).status_code == 404


async def test_a_key_that_may_only_read_starts_nothing(api: Api) -> None:
    dataset_id = await api.dataset()
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))

    answers = [await reader.post(AUDITS), await reader.post(sync_of(dataset_id))]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (await reader.get(AUDITS)).status_code == 200


@pytest.mark.parametrize(
    "body", [{"dataset_id": "no uuid"}, {"dry_run": "yes"}, {"dryrun": True}, [1]]
)
async def test_a_body_that_is_not_understood_starts_nothing(api: Api, body: Any) -> None:
    answer = await api.client.post(AUDITS, json=body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert await listed(api) == []


async def test_the_same_idempotency_key_is_the_same_audit(api: Api) -> None:
    headers = {"Idempotency-Key": uuid4().hex}

    first = await api.client.post(AUDITS, headers=headers)
    async with api.sessions.begin() as session:
        done = update(AuditRun).where(AuditRun.id == UUID(first.json()["id"]))
        await session.execute(done.values(status=AuditStatus.COMPLETED))
    again = await api.client.post(AUDITS, headers=headers)
    another = await api.client.post(AUDITS)

    assert [answer.status_code for answer in (first, again)] == [202, 202]
    assert again.json() == first.json()
    assert another.json()["id"] != first.json()["id"]
