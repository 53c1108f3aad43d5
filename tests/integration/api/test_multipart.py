"""Uploads in parts, against the bucket's stand-in."""

import os
from typing import Any

import httpx

from support.api import Api

PART = 16 * 1024 * 1024
REST = 1_000


async def begin(api: Api, path: str, size: int = PART + REST) -> dict[str, Any]:
    body = {"file_name": "big.txt", "size": size, "content_type": "text/plain"}
    answer = await api.client.post(path, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_a_large_file_goes_up_in_parts_is_resumed_and_becomes_a_job(api: Api) -> None:
    dataset = await api.dataset()
    path = f"/api/v1/datasets/{dataset}/uploads/multipart"
    begun = await begin(api, path)
    known = {"file_name": "big.txt", "upload_id": begun["upload_id"]}
    signed = await api.client.post(f"{path}/parts", json={**known, "numbers": [1, 2]})
    first, last = signed.json()["parts"]
    content = os.urandom(PART + REST)

    async with httpx.AsyncClient(timeout=60) as bucket:
        await bucket.put(last["url"], headers=last["headers"], content=content[PART:])
        there = (await api.client.get(f"{path}/parts", params=known)).json()
        early = await api.client.post(f"{path}/complete", json=known)
        wrong = await bucket.put(first["url"], content=content[:99])
        await bucket.put(first["url"], headers=first["headers"], content=content[:PART])
    done = await api.client.post(f"{path}/complete", json=known)
    again = await api.client.post(f"{path}/complete", json=known)

    assert (begun["part_bytes"], begun["part_count"]) == (PART, 2)
    assert begun["object_key"] == f"{dataset}/big.txt"
    assert [(part["number"], part["size"]) for part in there["items"]] == [(2, REST)]
    assert (early.status_code, early.json()["code"]) == (409, "multipart_incomplete")
    assert wrong.status_code >= 400
    assert (done.status_code, done.json()["missing"]) == (202, [])
    [job] = done.json()["jobs"]
    assert (job["file_name"], job["status"]) == ("big.txt", "queued")
    assert [each["task_id"] for each in again.json()["jobs"]] == [job["task_id"]]


async def test_parts_that_are_named_must_be_all_and_those_of_the_bucket(api: Api) -> None:
    path = f"/api/v1/datasets/{await api.dataset()}/uploads/multipart"
    begun = await begin(api, path, size=5_000_000)
    known = {"file_name": "big.txt", "upload_id": begun["upload_id"]}
    answer = await api.client.post(f"{path}/parts", json={**known, "numbers": [1]})
    [part] = answer.json()["parts"]
    async with httpx.AsyncClient(timeout=60) as bucket:
        sent = await bucket.put(part["url"], headers=part["headers"], content=bytes(5_000_000))

    two = [{"number": number, "etag": sent.headers["etag"]} for number in (1, 2)]
    too_many = await api.client.post(f"{path}/complete", json={**known, "parts": two})
    other = [{"number": 1, "etag": "0" * 32}]
    differs = await api.client.post(f"{path}/complete", json={**known, "parts": other})
    done = await api.client.post(f"{path}/complete", json={**known, "parts": two[:1]})

    assert (too_many.status_code, differs.status_code, done.status_code) == (409, 409, 202)


async def test_an_upload_is_known_only_by_its_file_of_its_dataset(api: Api) -> None:
    mine = f"/api/v1/datasets/{await api.dataset()}/uploads/multipart"
    other = f"/api/v1/datasets/{await api.dataset()}/uploads/multipart"
    upload_id = (await begin(api, mine))["upload_id"]
    known = {"file_name": "big.txt", "upload_id": upload_id}

    async with api.as_key(await api.tenant_key()) as stranger:
        theirs = await stranger.post(f"{mine}/abort", json=known)
    elsewhere = await api.client.post(f"{other}/abort", json=known)
    another_file = await api.client.post(f"{mine}/abort", json={**known, "file_name": "b.txt"})
    aborted = await api.client.post(f"{mine}/abort", json=known)
    gone = [
        await api.client.post(f"{mine}/abort", json=known),
        await api.client.post(f"{mine}/complete", json=known),
        await api.client.get(f"{mine}/parts", params=known),
        await api.client.get(f"{mine}/parts", params={**known, "upload_id": "nonsense"}),
    ]
    no_cursor = await api.client.get(f"{mine}/parts", params={**known, "cursor": "1"})
    log = await api.client.get("/api/v1/audit-log", params={"action": "uploads.aborted"})
    too_far = await api.client.post(f"{mine}/parts", json={**known, "numbers": [3]})

    assert theirs.json()["code"] == "dataset_not_found"
    assert [elsewhere.json()["code"], another_file.json()["code"]] == ["multipart_not_found"] * 2
    assert aborted.status_code == 204
    assert [f"/{each['target']}/" in mine for each in log.json()["items"]] == [True]
    assert [each.json()["code"] for each in gone] == ["multipart_not_found"] * 4
    assert (no_cursor.status_code, no_cursor.json()["errors"][0]["field"]) == (400, "cursor")
    assert (too_far.status_code, too_far.json()["code"]) == (400, "invalid_request")


async def test_an_upload_that_is_gone_is_not_taken_for_the_object_that_it_was_to_replace(
    api: Api,
) -> None:
    path = f"/api/v1/datasets/{await api.dataset()}/uploads/multipart"
    size = 5_000_000
    for content in (bytes(size), None):
        begun = await begin(api, path, size=size)
        known = {"file_name": "big.txt", "upload_id": begun["upload_id"]}
        if content is None:
            await api.client.post(f"{path}/abort", json=known)
            break
        signed = await api.client.post(f"{path}/parts", json={**known, "numbers": [1]})
        [part] = signed.json()["parts"]
        async with httpx.AsyncClient(timeout=60) as bucket:
            await bucket.put(part["url"], headers=part["headers"], content=content)
        assert (await api.client.post(f"{path}/complete", json=known)).status_code == 202

    answer = await api.client.post(f"{path}/complete", json=known)

    assert answer.json()["code"] == "multipart_not_found"


async def test_no_part_is_signed_for_a_larger_file_than_is_taken(api: Api) -> None:
    path = f"/api/v1/datasets/{await api.dataset()}/uploads/multipart"
    upload_id = (await begin(api, path))["upload_id"]
    forged = "4000000000000." + upload_id.partition(".")[2]

    answer = await api.client.post(
        f"{path}/parts", json={"file_name": "big.txt", "upload_id": forged, "numbers": [1]}
    )

    assert answer.json()["code"] == "multipart_not_found"
