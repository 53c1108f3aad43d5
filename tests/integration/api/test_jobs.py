"""What clients see of jobs and documents, and what they may order."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from db.repositories.claims import ClaimRepository
from support.api import Api
from support.attempts import claim, complete, fail, retry_later

DATASETS = "/api/v1/datasets"


async def uploaded(api: Api, *names: str) -> tuple[UUID, dict[str, Any]]:
    """A dataset with these files in the bucket; what `uploads/complete` answers."""
    made = await api.client.post(
        DATASETS, json={"name": "x", "files": [{"file_name": name} for name in names]}
    )
    async with httpx.AsyncClient() as outside:
        for url in made.json()["upload_urls"]:
            put = await outside.put(url["upload_url"], content=b"hello", headers=url["headers"])
            assert put.status_code == 200
    dataset_id = UUID(made.json()["dataset"]["id"])
    answer = await api.client.post(f"{DATASETS}/{dataset_id}/uploads/complete")
    assert answer.status_code == 202, answer.text
    queued: dict[str, Any] = answer.json()
    queued["jobs"].sort(key=lambda job: names.index(job["file_name"]))
    return dataset_id, queued


async def status_of(api: Api, dataset_id: UUID) -> dict[str, Any]:
    answer = await api.client.get(f"/api/v1/jobs/dataset/{dataset_id}/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_was_uploaded_is_queued_and_what_was_not_is_named(api: Api) -> None:
    made = await api.client.post(
        DATASETS, json={"name": "x", "files": [{"file_name": "a.txt"}, {"file_name": "b.txt"}]}
    )
    dataset_id, url = made.json()["dataset"]["id"], made.json()["upload_urls"][0]
    async with httpx.AsyncClient() as outside:
        await outside.put(url["upload_url"], content=b"hello", headers=url["headers"])

    answer = await api.client.post(f"{DATASETS}/{dataset_id}/uploads/complete")

    assert answer.status_code == 202
    [job] = answer.json()["jobs"]
    assert (job["status"], job["file_name"], job["reason"]) == ("queued", "a.txt", "upload")
    assert answer.json()["missing"] == ["b.txt"]
    documents = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
    assert {(each["file_name"], each["status"]) for each in documents} == {
        ("a.txt", "queued"),
        ("b.txt", "uploading"),
    }
    assert {each["size"] for each in documents} == {5, None}


async def test_a_job_whose_worker_gives_no_sign_of_life_is_shown_as_stalled(api: Api) -> None:
    _, queued = await uploaded(api, "a.txt")
    path = f"/api/v1/jobs/{queued['jobs'][0]['task_id']}"
    waiting = (await api.client.get(path)).json()
    held = await claim(api.sessions, UUID(queued["jobs"][0]["task_id"]))
    at_work = (await api.client.get(path)).json()
    async with api.sessions.begin() as session:
        last_renewal_long_ago = timedelta(seconds=5)
        await ClaimRepository(session).renew({held.job_id: held.fence}, lease=last_renewal_long_ago)

    quiet = (await api.client.get(path)).json()

    assert [job["stalled"] for job in (waiting, at_work, quiet)] == [False, False, True]


async def test_saying_twice_that_a_file_is_there_makes_one_job(api: Api) -> None:
    dataset_id, first = await uploaded(api, "a.txt")
    path = f"{DATASETS}/{dataset_id}/uploads/complete"

    named = await api.client.post(path, json={"files": [{"file_name": "a.txt"}]})
    unnamed = await api.client.post(path)

    assert [job["task_id"] for job in named.json()["jobs"]] == [first["jobs"][0]["task_id"]]
    assert unnamed.json() == {"jobs": [], "missing": []}  # its URL was used


async def test_a_dataset_goes_from_uploading_to_ready(api: Api) -> None:
    made = await api.client.post(DATASETS, json={"name": "x", "files": [{"file_name": "a.txt"}]})
    seen = [made.json()["dataset"]["status"]]
    dataset_id, answer = await uploaded(api, "a.txt", "b.txt")
    first, second = [UUID(job["task_id"]) for job in answer["jobs"]]
    seen.append((await status_of(api, dataset_id))["dataset"]["status"])

    await complete(api.sessions, first, chunks=3)
    half = (await status_of(api, dataset_id))["dataset"]
    await complete(api.sessions, second, chunks=4)
    done = (await status_of(api, dataset_id))["dataset"]

    assert [*seen, half["status"], done["status"]] == [
        "uploading", "processing", "processing", "ready",
    ]  # fmt: skip
    assert (half["progress"]["percent"], half["progress"]["unfinished"]) == (50, 1)
    assert done["progress"] == {"percent": 100, "seconds_left": None, "unfinished": 0}
    assert (done["document_count"], done["searchable_count"], done["chunk_count"]) == (2, 2, 7)


async def test_a_document_tells_how_its_pages_were_read_and_a_list_only_how_many(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "scan.pdf", "a.txt")
    scan, text = [UUID(job["task_id"]) for job in answer["jobs"]]
    notes = [{"page": 2, "reason": "ocr", "confidence": 0.93}, {"page": 3, "reason": "blank"}]
    notes[0]["attachment"] = "offer.pdf"
    attached = {"name": "offer.pdf", "page_count": 3, "pages_with_text": 2}
    read = {"with_text": 2, "by_ocr": 1, "notes": notes, "attachments": [attached]}
    await complete(api.sessions, scan, chunks=1, pages_read=read)
    await complete(api.sessions, text, chunks=1)

    listed = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
    shown = {
        document["file_name"]: (
            await api.client.get(f"{DATASETS}/{dataset_id}/documents/{document['id']}")
        ).json()
        for document in listed
    }

    assert {(each["pages_with_text"], each["pages_by_ocr"]) for each in listed} == {
        (2, 1), (None, None),
    }  # fmt: skip
    assert [each for each in listed if "page_notes" in each] == []
    assert shown["scan.pdf"]["page_notes"] == [
        {**notes[0], "uncovered": None},
        {**notes[1], "confidence": None, "uncovered": None, "attachment": None},
    ]
    assert shown["scan.pdf"]["attachments"] == [{**attached, "pages_by_ocr": None}]
    assert shown["a.txt"]["page_notes"] == []


async def test_a_failed_document_says_why_and_makes_the_dataset_partial(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt", "b.txt")
    good, bad = [UUID(job["task_id"]) for job in answer["jobs"]]
    await complete(api.sessions, good, chunks=1)
    await fail(api.sessions, bad, code="document_encrypted", message="It has a password.")

    status = await status_of(api, dataset_id)
    documents = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]

    assert status["dataset"]["status"] == "partial"
    assert (status["dataset"]["failed_count"], status["dataset"]["progress"]["percent"]) == (1, 100)
    [failed] = [document for document in documents if document["status"] == "failed"]
    assert failed["error_code"] == "document_encrypted"
    assert failed["error"] == "It has a password."
    assert failed["searchable"] is False


async def test_a_failed_update_leaves_the_old_version_searchable(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt")
    await complete(api.sessions, UUID(answer["jobs"][0]["task_id"]), chunks=2)
    again = await api.client.post(
        "/api/v1/jobs", json={"dataset_id": str(dataset_id), "object_key": f"{dataset_id}/a.txt"}
    )
    await fail(api.sessions, UUID(again.json()["task_id"]), code="parser_crashed", message="Oh.")

    [document] = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
    dataset = (await status_of(api, dataset_id))["dataset"]

    assert again.status_code == 202
    assert (document["status"], document["searchable"], document["chunk_count"]) == (
        "failed", True, 2,
    )  # fmt: skip
    assert (dataset["status"], dataset["searchable_count"]) == ("failed", 1)


async def test_a_job_that_waits_for_its_retry_says_so(api: Api) -> None:
    _, answer = await uploaded(api, "a.txt")
    job_id = answer["jobs"][0]["task_id"]
    await retry_later(api.sessions, UUID(job_id), code="parser_crashed", message="Oh.")

    job = (await api.client.get(f"/api/v1/jobs/{job_id}")).json()
    attempts = (await api.client.get(f"/api/v1/jobs/{job_id}/attempts")).json()

    assert (job["status"], job["waiting_for"], job["error_code"]) == (
        "queued", "retry", "parser_crashed",
    )  # fmt: skip
    assert (job["attempts"], job["retries"]) == (1, 0)
    assert job["next_attempt_at"] > job["started_at"]
    [attempt] = attempts["items"]
    assert (attempt["number"], attempt["outcome"], attempt["error_code"]) == (
        1, "retry", "parser_crashed",
    )  # fmt: skip


async def test_a_cancelled_job_can_be_retried_and_no_other_twice(api: Api) -> None:
    _, answer = await uploaded(api, "a.txt")
    path = f"/api/v1/jobs/{answer['jobs'][0]['task_id']}"
    early = await api.client.post(f"{path}/retry")

    cancelled = await api.client.post(f"{path}/cancel")
    again = await api.client.post(f"{path}/cancel")
    retried = await api.client.post(f"{path}/retry")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued")
    assert retried.json()["error_code"] is None
    assert (early.status_code, again.status_code) == (409, 409)
    assert early.json()["code"] == "job_conflict"


async def test_a_retried_older_job_is_the_documents_state(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt")
    older = answer["jobs"][0]["task_id"]
    await fail(api.sessions, UUID(older), code="parser_crashed", message="Oh.")
    newer = await api.client.post(
        "/api/v1/jobs", json={"dataset_id": str(dataset_id), "object_key": f"{dataset_id}/a.txt"}
    )
    await complete(api.sessions, UUID(newer.json()["task_id"]), chunks=1)
    before = (await status_of(api, dataset_id))["dataset"]["status"]

    await api.client.post(f"/api/v1/jobs/{older}/retry")

    [document] = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
    assert before == "ready"
    assert (document["status"], document["task_id"]) == ("queued", older)
    assert (await status_of(api, dataset_id))["dataset"]["status"] == "processing"


async def test_a_deleted_document_is_gone_and_its_removal_is_a_job(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt")
    await complete(api.sessions, UUID(answer["jobs"][0]["task_id"]), chunks=1)
    path = f"{DATASETS}/{dataset_id}/documents"
    [document] = (await api.client.get(path)).json()["items"]

    deleted = await api.client.delete(f"{path}/{document['id']}")

    job = (await api.client.get(f"/api/v1/jobs/{deleted.json()['task_id']}")).json()
    assert deleted.status_code == 202
    assert (job["reason"], job["status"]) == ("delete", "queued")
    assert (await api.client.get(path)).json()["items"] == []
    assert (await api.client.get(f"{path}/{document['id']}")).status_code == 404
    assert (await api.client.delete(f"{path}/{document['id']}")).status_code == 404
    assert (await api.client.post(f"/api/v1/jobs/{job['task_id']}/cancel")).status_code == 409
    assert (await status_of(api, dataset_id))["dataset"]["document_count"] == 0


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs/"])
async def test_jobs_are_listed_newest_first_and_filtered(api: Api, path: str) -> None:
    first_dataset, first = await uploaded(api, "a.txt", "b.txt")
    _, second = await uploaded(api, "c.txt")
    bad = first["jobs"][0]
    await fail(api.sessions, UUID(bad["task_id"]), code="too_large", message="Oh.")
    # Ids sort by their millisecond; within one, by chance.
    all_ids = sorted((job["task_id"] for job in first["jobs"] + second["jobs"]), reverse=True)

    async def listed(query: str) -> list[str]:
        answer = await api.client.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.text
        return [job["task_id"] for job in answer.json()["items"]]

    assert await listed("") == all_ids
    assert await listed("status=failed") == [bad["task_id"]]
    assert await listed("status=queued") == [i for i in all_ids if i != bad["task_id"]]
    assert await listed("error_code=too_large") == [bad["task_id"]]
    assert await listed(f"dataset_id={first_dataset}") == all_ids[1:]
    assert await listed(f"document_id={bad['document_id']}") == [bad["task_id"]]
    assert await listed("stage=embed") == []
    assert await listed(f"dataset_id={uuid4()}") == []
    page = (await api.client.get(f"{path}?limit=2")).json()
    assert [job["task_id"] for job in page["items"]] == all_ids[:2]
    assert await listed(f"limit=2&cursor={page['next_cursor']}") == all_ids[2:]


async def test_a_datasets_priority_moves_what_is_queued(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt", "b.txt")
    running = UUID(answer["jobs"][0]["task_id"])
    await claim(api.sessions, running)

    await api.client.patch(f"{DATASETS}/{dataset_id}", json={"priority": 9})

    jobs = (await status_of(api, dataset_id))["jobs"]
    assert {(job["status"], job["priority"]) for job in jobs} == {("processing", 0), ("queued", 9)}


async def test_what_a_pause_holds_back_says_so_until_it_ends(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt", "b.txt", "c.txt")
    ids = {job["file_name"]: UUID(job["task_id"]) for job in answer["jobs"]}
    await claim(api.sessions, ids["a.txt"])
    await retry_later(api.sessions, ids["b.txt"], code="parser_crashed", message="Oh.")

    async def seen() -> tuple[dict[str, Any], dict[str, Any]]:
        jobs = (await status_of(api, dataset_id))["jobs"]
        items = (await api.client.get(f"{DATASETS}/{dataset_id}/documents")).json()["items"]
        assert all(
            (job["next_attempt_at"] is None)
            == (job["waiting_for"] == "pause" or job["status"] == "processing")
            for job in jobs
        )
        return (
            {job["file_name"]: job["waiting_for"] for job in jobs},
            {document["file_name"]: document["waiting_for"] for document in items},
        )

    await api.client.patch(f"{DATASETS}/{dataset_id}", json={"paused": True})
    held = await seen()
    await api.client.patch(f"{DATASETS}/{dataset_id}", json={"paused": False})
    free = await seen()

    assert held == ({"a.txt": None, "b.txt": "pause", "c.txt": "pause"},) * 2
    assert free == ({"a.txt": None, "b.txt": "retry", "c.txt": None},) * 2


async def test_a_pause_holds_back_no_removal(api: Api) -> None:
    dataset_id, answer = await uploaded(api, "a.txt")
    document_id = answer["jobs"][0]["document_id"]
    await api.client.patch(f"{DATASETS}/{dataset_id}", json={"paused": True})

    removal = await api.client.delete(f"{DATASETS}/{dataset_id}/documents/{document_id}")

    job = (await api.client.get(f"/api/v1/jobs/{removal.json()['task_id']}")).json()
    assert (job["reason"], job["status"], job["waiting_for"]) == ("delete", "queued", None)
    assert job["next_attempt_at"] is not None
