"""Messages that made no job, for those who run the deployment."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from db.models import Role
from db.repositories.intake import IntakeRepository, Unreadable
from support.api import Api
from support.catalog import jobs_of
from support.work import home_of, noted

QUARANTINE = "/api/v1/quarantine"


@pytest.fixture
async def operator(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.as_key(await api.tenant_key(api.tenant, Role.OPERATOR)) as client:
        yield client


@pytest.fixture
def bucket_name(shared_environment: dict[str, str]) -> str:
    return shared_environment["R2_BUCKET"]


def event(dataset_id: UUID, bucket: str, **changed: Any) -> str:
    return json.dumps(
        {
            "action": "PutObject",
            "bucket": bucket,
            "object": {"key": f"{dataset_id}/a.txt", "size": 5, "eTag": "abc"},
            "eventTime": datetime.now(UTC).isoformat(),
            **changed,
        }
    )


async def quarantined(api: Api, body: str, *, reason: str = "undecodable") -> str:
    """The id of a new message; its reason is told apart from those of other tests' messages."""
    queue = f"queue-{uuid4().hex}"
    async with api.sessions.begin() as session:
        await IntakeRepository(session).quarantine(
            [Unreadable(queue, "m1", reason, body, {"attempt": 1})]
        )
    key = await api.tenant_key(api.tenant, Role.OPERATOR)
    for item in (await api.as_key(key).get(f"{QUARANTINE}?limit=200")).json()["items"]:
        if item["queue"] == queue:
            return str(item["id"])
    raise AssertionError("the newest message is not on the first page")


async def test_a_message_is_listed_in_short_and_shown_whole(
    api: Api, operator: httpx.AsyncClient
) -> None:
    body = "ü" * 1_000
    message = await quarantined(api, body)

    listed = (await operator.get(QUARANTINE)).json()["items"]
    shown = (await operator.get(f"{QUARANTINE}/{message}")).json()

    [item] = [each for each in listed if each["id"] == message]
    assert (item["body"], item["size"], item["reason"]) == ("ü" * 500, 2_000, "undecodable")
    assert item["replayed_at"] is None
    assert (shown["body"], shown["size"], shown["message_id"]) == (body, 2_000, "m1")
    assert shown["metadata"] == {"attempt": "1"}


async def test_the_list_goes_from_page_to_page_newest_first(
    api: Api, operator: httpx.AsyncClient
) -> None:
    messages = [await quarantined(api, "x") for _ in range(3)]

    first = (await operator.get(f"{QUARANTINE}?limit=2")).json()
    second = (await operator.get(f"{QUARANTINE}?limit=1&cursor={first['next_cursor']}")).json()

    seen = [item["id"] for item in first["items"] + second["items"]]
    assert seen == sorted(messages, reverse=True)


async def test_a_message_that_makes_sense_by_now_becomes_a_job_once(
    api: Api, operator: httpx.AsyncClient, bucket_name: str
) -> None:
    home = await home_of(api)
    text = event(home.dataset_id, bucket_name)
    encoded = base64.b64encode(text.encode()).decode()
    message = await quarantined(api, encoded, reason="unknown_dataset")

    replayed = await operator.post(f"{QUARANTINE}/{message}/replay")
    again = await operator.post(f"{QUARANTINE}/{message}/replay")

    assert replayed.status_code == 202, replayed.text
    [job] = await jobs_of(api.sessions, home)
    assert replayed.json() == {
        "dataset_id": str(home.dataset_id),
        "object_key": f"{home.dataset_id}/a.txt",
        "task_id": str(job.id),
    }
    assert (job.reason, job.status) == ("event", "queued")
    assert (again.status_code, again.json()["code"]) == (409, "message_conflict")
    unread = (await operator.get(f"{QUARANTINE}?limit=200")).json()["items"]
    done = (await operator.get(f"{QUARANTINE}?replayed=true")).json()["items"]
    assert message not in {item["id"] for item in unread}
    assert [item["replayed_at"] is not None for item in done if item["id"] == message] == [True]
    assert await noted(api) == [("message.replayed", message)]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _, __: "no json", "undecodable"),
        (lambda dataset, _: event(dataset, "elsewhere"), "other_bucket"),
        (lambda dataset, bucket: event(dataset, bucket, action="Dance"), "unknown_action"),
        (lambda _, bucket: event(uuid4(), bucket), "unknown_dataset"),
    ],
)
async def test_what_still_makes_no_job_is_refused_with_the_reason(
    api: Api, operator: httpx.AsyncClient, bucket_name: str, make: Any, reason: str
) -> None:
    home = await home_of(api)
    message = await quarantined(api, make(home.dataset_id, bucket_name))

    answer = await operator.post(f"{QUARANTINE}/{message}/replay")

    assert (answer.status_code, answer.json()["code"]) == (409, "message_conflict")
    assert reason in answer.json()["detail"]
    shown = (await operator.get(f"{QUARANTINE}/{message}")).json()
    assert shown["replayed_at"] is None
    assert await jobs_of(api.sessions, home) == []


async def test_a_deleted_message_is_gone(api: Api, operator: httpx.AsyncClient) -> None:
    message = await quarantined(api, "x")

    deleted = await operator.delete(f"{QUARANTINE}/{message}")

    assert deleted.status_code == 204
    answers = [
        await operator.get(f"{QUARANTINE}/{message}"),
        await operator.delete(f"{QUARANTINE}/{message}"),
        await operator.post(f"{QUARANTINE}/{message}/replay"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.json()["code"] for answer in answers} == {"message_not_found"}
    assert await noted(api) == [("message.deleted", message)]


@pytest.mark.parametrize("role", [Role.ADMIN, Role.READ_ONLY])
async def test_only_an_operator_sees_the_quarantine(api: Api, role: Role) -> None:
    message = await quarantined(api, "x")
    client = api.as_key(await api.tenant_key(api.tenant, role))

    answers = [
        await client.get(QUARANTINE),
        await client.get(f"{QUARANTINE}/{message}"),
        await client.post(f"{QUARANTINE}/{message}/replay"),
        await client.delete(f"{QUARANTINE}/{message}"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["code"] for answer in answers} == {"operator_only"}


async def test_an_operator_may_do_in_its_tenant_what_an_administrator_may(
    api: Api, operator: httpx.AsyncClient
) -> None:
    made = await operator.post("/api/v1/datasets", json={"name": "x"})
    elsewhere = api.as_key(await api.tenant_key(role=Role.OPERATOR))

    assert made.status_code == 201
    path = f"/api/v1/datasets/{made.json()['dataset']['id']}"
    assert (await elsewhere.get(path)).status_code == 404
    assert (await operator.delete(path)).status_code == 204
