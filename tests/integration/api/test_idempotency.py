"""A request that is sent again because its answer was lost is done once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from api.idempotency import Once
from db.models import Dataset, IdempotentRequest, Role
from db.repositories.idempotency import Begun, IdempotencyRepository
from support.api import Api, running
from support.attempts import fail
from support.work import home_of, noted, queued, tenant_id_of

DATASETS = "/api/v1/datasets"
BODY = {"name": "x", "files": [{"file_name": "a.txt"}]}


async def send(
    client: httpx.AsyncClient, key: str, path: str = DATASETS, body: Any = BODY
) -> httpx.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": key})


async def datasets(api: Api) -> list[str]:
    return [each["id"] for each in (await api.client.get(DATASETS)).json()["items"]]


async def grow_older(api: Api, by: timedelta) -> None:
    async with api.sessions.begin() as session:
        await session.execute(
            update(IdempotentRequest)
            .where(IdempotentRequest.tenant_id == await tenant_id_of(api))
            .values(created_at=IdempotentRequest.created_at - by)
        )


async def test_the_same_request_gets_the_same_answer_and_is_done_once(api: Api) -> None:
    key = str(uuid4())

    first = await send(api.client, key)
    second = await send(api.client, key, f"{DATASETS}/")

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["content-type"] == second.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert await datasets(api) == [first.json()["dataset"]["id"]]


async def test_the_kept_answer_is_byte_for_byte_that_of_a_request_without_a_key(api: Api) -> None:
    """Also where a handler writes it down itself, with its work."""
    kept = (await send(api.client, "k")).json()
    plain = (await api.client.post(DATASETS, json=BODY)).json()

    assert kept.keys() == plain.keys()
    assert kept["dataset"].keys() == plain["dataset"].keys()
    assert (await send(api.client, "k")).json() == kept


@pytest.mark.parametrize("body", [{**BODY, "name": "y"}, {"name": "x"}])
async def test_a_key_with_another_body_is_refused(api: Api, body: dict[str, Any]) -> None:
    await send(api.client, "key")

    answer = await send(api.client, "key", body=body)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert len(await datasets(api)) == 1


async def test_a_key_with_another_path_is_refused(api: Api) -> None:
    home, other = await home_of(api), await home_of(api)
    await send(api.client, "key", f"{DATASETS}/{home.dataset_id}/cancel", None)

    answer = await send(api.client, "key", f"{DATASETS}/{other.dataset_id}/cancel", None)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_key_is_the_tenants_own(api: Api) -> None:
    stranger = api.as_key(await api.tenant_key())

    mine, theirs = await send(api.client, "key"), await send(stranger, "key")

    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["dataset"]["id"] != theirs.json()["dataset"]["id"]


async def test_of_many_at_once_one_is_done_and_the_others_wait_or_are_answered(api: Api) -> None:
    answers = await asyncio.gather(*(send(api.client, "key") for _ in range(12)))

    assert len(await datasets(api)) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    refused = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json()["code"] for answer in refused} <= {"idempotency_key_in_use"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (await send(api.client, "key")).headers["idempotent-replayed"] == "true"


async def test_what_was_refused_may_be_sent_again_with_the_same_key(api: Api) -> None:
    home = await home_of(api)
    [job] = await queued(api, home, "a")
    path = f"/api/v1/jobs/{job}/retry"

    refused = await send(api.client, "key", path, None)
    await fail(api.sessions, job, code="too_large", message="Oh.")
    accepted = await send(api.client, "key", path, None)
    misspelt = await send(api.client, "other", body={"nome": "x"})
    mended = await send(api.client, "other")

    assert (refused.status_code, accepted.status_code) == (409, 202)
    assert (misspelt.status_code, mended.status_code) == (400, 201)


async def test_an_order_that_is_sent_again_is_not_refused_for_having_been_done(api: Api) -> None:
    home = await home_of(api)
    [job] = await queued(api, home, "a")
    path = f"/api/v1/jobs/{job}/cancel"

    first, second = [await send(api.client, "key", path, None) for _ in range(2)]

    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert await noted(api) == [("job.cancelled", str(job))]


async def test_a_key_whose_process_died_is_taken_over_after_a_while(api: Api) -> None:
    begun = await begin(api, "key")

    at_once = await send(api.client, "key")
    await grow_older(api, timedelta(seconds=59))
    soon = await send(api.client, "key")
    await grow_older(api, timedelta(seconds=2))
    other = await send(api.client, "key", body={"name": "y"})
    later = await send(api.client, "key")

    assert begun.key == "key"
    assert [answer.status_code for answer in (at_once, soon, other, later)] == [409, 409, 422, 201]
    assert (await send(api.client, "key")).json() == later.json()


async def test_a_dataset_whose_answer_was_kept_with_it_is_never_made_again(api: Api) -> None:
    """The process that made it died before it could answer."""
    begun = await begin(api, "key")
    async with api.sessions.begin() as session:
        await Once(await tenant_id_of(api), begun).keep(session, {"made": True}, status=201)

    answer = await send(api.client, "key")

    assert (answer.status_code, answer.json()) == (201, {"made": True})
    assert await datasets(api) == []


async def test_an_answer_is_forgotten_after_a_day(api: Api) -> None:
    first = await send(api.client, "key")
    await grow_older(api, timedelta(hours=24, seconds=1))

    second = await send(api.client, "key", body={"name": "y"})

    assert second.status_code == 201
    assert second.json()["dataset"]["id"] != first.json()["dataset"]["id"]


@pytest.mark.parametrize("key", ["", "k" * 256, "schlüssel".encode(), b"a\tb"])
async def test_a_key_that_cannot_be_one_is_refused(api: Api, key: Any) -> None:
    answer = await api.client.post(DATASETS, json=BODY, headers={"Idempotency-Key": key})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert await datasets(api) == []


async def test_the_longest_key_is_taken(api: Api) -> None:
    assert (await send(api.client, "k" * 255)).status_code == 201


async def test_a_body_that_is_too_large_is_refused_as_without_a_key(api: Api) -> None:
    answer = await send(api.client, "key", body={"name": "x" * 2_000_000})

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await send(api.client, "key")).status_code == 201


async def test_a_search_keeps_nothing(api: Api) -> None:
    home = await home_of(api)
    path = f"{DATASETS}/{home.dataset_id}/search"

    await send(api.client, "key", path, {"query": "x"})

    async with api.sessions() as session:
        kept = await session.scalar(
            select(func.count())
            .select_from(IdempotentRequest)
            .where(IdempotentRequest.tenant_id == await tenant_id_of(api))
        )
    assert kept == 0


async def test_a_reader_gets_no_answer_that_was_not_meant_for_it(api: Api) -> None:
    """A kept answer holds upload URLs."""
    made = await send(api.client, "key")
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))

    answer = await send(reader, "key")

    assert made.status_code == 201
    assert (answer.status_code, answer.json()["code"]) == (403, "read_only_key")


async def test_a_request_that_was_given_up_gives_its_key_back(
    api_environment: dict[str, str],
) -> None:
    async with running(api_environment, SLUICE_API_REQUEST_TIMEOUT_SECONDS="1") as api:
        home = await home_of(api)
        path = f"{DATASETS}/{home.dataset_id}/uploads/complete"
        async with api.sessions.begin() as session:
            await session.get_one(Dataset, home.dataset_id, with_for_update=True)
            given_up = await send(api.client, "key", path, None)
        again = await send(api.client, "key", path, None)

    assert (given_up.status_code, given_up.json()["code"]) == (503, "request_timed_out")
    assert again.status_code == 202, again.text


async def begin(api: Api, key: str) -> Begun:
    """As a process that is killed right afterwards: the key of a request to make a dataset."""
    kept = await send(api.client, key)
    async with api.sessions.begin() as session:
        row = await session.get_one(IdempotentRequest, (await tenant_id_of(api), key))
        request_hash = row.request_hash
        await session.delete(row)
    await api.client.delete(f"{DATASETS}/{kept.json()['dataset']['id']}")
    async with api.sessions.begin() as session:
        begun = await IdempotencyRepository(session, await tenant_id_of(api)).begin(
            key, request_hash, patience=timedelta(minutes=1), lifetime=timedelta(days=1)
        )
    assert isinstance(begun, Begun)
    return begun
