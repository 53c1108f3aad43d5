"""Failed jobs as a work list, and orders to all jobs of one kind."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api.auth import Caller, hash_of
from api.orders import Orders
from db.models import Job, Role, Status
from db.repositories.job_history import JobFilter
from db.repositories.tenants import TenantRepository
from support.api import Api
from support.attempts import claim, complete, fail
from support.catalog import Home, apply, job_of
from support.work import home_of, noted, queued

JOBS = "/api/v1/jobs"
CRASH = {"code": "parser_crashed", "message": "The parser crashed at byte 12 of 'a.pdf'."}
CRASH_ELSEWHERE = {"code": "parser_crashed", "message": "The parser crashed at byte 7 of 'b.pdf'."}
LOCKED = {"code": "document_encrypted", "message": "The file has a password."}


async def failed(api: Api, home: Home, *causes: dict[str, str]) -> list[UUID]:
    """A failed job of a new document for each of these causes."""
    jobs = await queued(api, home, *(f"{uuid4()}.txt" for _ in causes))
    for job, cause in zip(jobs, causes, strict=True):
        await fail(api.sessions, job, **cause)
    return jobs


async def again(api: Api, home: Home, job: UUID) -> UUID:
    """A newer job of the same document."""
    name = (await api.client.get(f"{JOBS}/{job}")).json()["file_name"]
    made = await apply(api.sessions, home.change(name, etag="e2", minute=1))
    newer = made[f"{home.dataset_id}/{name}"]
    assert newer is not None
    return newer


async def failures(api: Api, query: str = "") -> list[dict[str, Any]]:
    answer = await api.client.get(f"{JOBS}/failures{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def order(api: Api, what: str, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{JOBS}/{what}", json=body)
    assert answer.status_code == (202 if what == "retry" else 200), answer.text
    done: dict[str, Any] = answer.json()
    return done


async def statuses(api: Api, jobs: list[UUID]) -> list[str]:
    return [str((await job_of(api.sessions, job)).status) for job in jobs]


async def test_failures_of_one_kind_are_one_line(api: Api) -> None:
    home, other = await home_of(api), await home_of(api)
    _, _, latest = await failed(api, home, CRASH, LOCKED, CRASH_ELSEWHERE)
    await failed(api, other, LOCKED, LOCKED)
    await queued(api, home, "fine.txt")

    locked, crashed = await failures(api)
    here = await failures(api, f"?dataset_id={home.dataset_id}")

    assert (locked["error_code"], locked["job_count"], locked["document_count"]) == (
        "document_encrypted", 3, 3,
    )  # fmt: skip
    assert (crashed["error_code"], crashed["job_count"]) == ("parser_crashed", 2)
    assert (crashed["task_id"], crashed["message"]) == (str(latest), CRASH_ELSEWHERE["message"])
    assert crashed["first_at"] < crashed["latest_at"]
    assert [(each["error_code"], each["job_count"]) for each in here] == [
        ("parser_crashed", 2), ("document_encrypted", 1),
    ]  # fmt: skip
    listed = await api.client.get(f"{JOBS}?fingerprint={crashed['fingerprint']}")
    assert {job["error_fingerprint"] for job in listed.json()["items"]} == {crashed["fingerprint"]}
    assert len(listed.json()["items"]) == 2


async def test_a_long_list_of_failures_says_that_there_are_more(api: Api) -> None:
    home = await home_of(api)
    await failed(api, home, CRASH, LOCKED)

    first = (await api.client.get(f"{JOBS}/failures?limit=1")).json()
    whole = (await api.client.get(f"{JOBS}/failures?limit=2")).json()

    assert (len(first["items"]), first["more"]) == (1, True)
    assert (len(whole["items"]), whole["more"]) == (2, False)


async def test_what_is_mended_or_deleted_leaves_the_list(api: Api) -> None:
    home = await home_of(api)
    mended, deleted, open_still = await failed(api, home, LOCKED, LOCKED, LOCKED)
    await complete(api.sessions, await again(api, home, mended), chunks=1)
    document = (await api.client.get(f"{JOBS}/{deleted}")).json()["document_id"]
    await api.client.delete(f"/api/v1/datasets/{home.dataset_id}/documents/{document}")
    await again(api, home, open_still)  # at work, and nobody knows how it will end

    [group] = await failures(api)

    assert (group["job_count"], group["task_id"]) == (1, str(open_still))


async def test_a_dry_run_of_a_retry_counts_and_changes_nothing(api: Api) -> None:
    home = await home_of(api)
    jobs = await failed(api, home, LOCKED, LOCKED, CRASH)
    await again(api, home, jobs[0])
    locked = {"error_code": "document_encrypted"}

    counted = await order(api, "retry", filter=locked, dry_run=True)
    before = await statuses(api, jobs)
    done = await order(api, "retry", filter=locked)

    assert counted == {
        "dry_run": True, "matched": 2, "retried": 1, "skipped": 1, "remaining": 0,
        "last_due_at": None,
    }  # fmt: skip
    assert before == ["failed"] * 3
    assert {**done, "last_due_at": None} == {**counted, "dry_run": False}
    assert await statuses(api, jobs) == ["failed", "queued", "failed"]


async def test_a_retry_takes_the_latest_failure_of_a_document_with_all_its_tries(api: Api) -> None:
    home = await home_of(api)
    [older] = await failed(api, home, CRASH)
    newer = await again(api, home, older)
    await fail(api.sessions, newer, **LOCKED)

    done = await order(api, "retry", all=True)

    assert (done["matched"], done["retried"], done["skipped"]) == (2, 1, 1)
    assert await statuses(api, [older, newer]) == ["failed", "queued"]
    job = await job_of(api.sessions, newer)
    assert (job.tries, job.error_code, job.error, job.error_fingerprint) == (0, None, None, None)
    assert await claim(api.sessions, newer)


async def test_a_pace_spreads_a_retry_over_time_also_from_batch_to_batch(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.orders.BATCH", 2)
    home = await home_of(api)
    jobs = await failed(api, home, *([LOCKED] * 5))

    done = await order(api, "retry", all=True, per_minute=60)

    found = [await job_of(api.sessions, job) for job in jobs]
    due = sorted(job.run_after for job in found)
    assert done["retried"] == 5
    assert [(time - due[0]) / timedelta(seconds=1) for time in due] == [0, 1, 2, 3, 4]
    assert datetime.fromisoformat(done["last_due_at"]) == due[-1]
    assert [_waits(job) for job in sorted(found, key=lambda job: job.run_after)] == [
        None, "retry", "retry", "retry", "retry",
    ]  # fmt: skip
    assert [action for action, _ in await noted(api)] == ["jobs.retried"] * 3


async def test_a_retry_goes_on_at_the_pace_of_the_one_before(api: Api) -> None:
    home = await home_of(api)
    first, second = await failed(api, home, LOCKED, CRASH)
    done = await order(
        api, "retry", filter={"error_code": "parser_crashed"}, begin_at="2099-01-01T00:00:00+02:00"
    )

    await order(api, "retry", all=True, per_minute=1, begin_at=done["last_due_at"])

    due = [(await job_of(api.sessions, job)).run_after for job in (first, second)]
    assert due == [datetime.fromisoformat("2098-12-31T22:00:00Z")] * 2


async def test_a_retry_does_not_begin_at_the_end_of_time(api: Api) -> None:
    home = await home_of(api)
    jobs = await failed(api, home, LOCKED, LOCKED)

    late = {"all": True, "per_minute": 1, "begin_at": "9999-12-31T23:59:59Z"}
    answer = await api.client.post(f"{JOBS}/retry", json=late)

    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["begin_at"]
    assert await statuses(api, jobs) == ["failed", "failed"]


async def test_cancelled_jobs_are_retried_only_when_they_are_meant(api: Api) -> None:
    home = await home_of(api)
    jobs = await queued(api, home, "a", "b")
    await order(api, "cancel", filter={"dataset_id": str(home.dataset_id)})

    unasked = await order(api, "retry", all=True)
    asked = await order(api, "retry", filter={"status": "cancelled"})

    assert (unasked["matched"], asked["retried"]) == (0, 2)
    assert await statuses(api, jobs) == ["queued", "queued"]


async def test_a_cancel_takes_what_matches_and_nothing_else(api: Api) -> None:
    home, other = await home_of(api), await home_of(api)
    running, waiting = await queued(api, home, "a", "b")
    [elsewhere] = await queued(api, other, "a")
    await claim(api.sessions, running)
    here = {"dataset_id": str(home.dataset_id)}

    counted = await order(api, "cancel", filter=here, dry_run=True)
    of_queued = await order(api, "cancel", filter={**here, "status": "queued"})
    rest = await order(api, "cancel", filter=here)

    assert counted == {"dry_run": True, "cancelled": 2, "remaining": 0}
    assert (of_queued["cancelled"], rest["cancelled"]) == (1, 1)
    assert await statuses(api, [running, waiting, elsewhere]) == [
        "cancelled", "cancelled", "queued",
    ]  # fmt: skip


async def test_jobs_are_told_apart_by_when_they_were_made(api: Api) -> None:
    home = await home_of(api)
    [older] = await queued(api, home, "a")
    [newer] = await queued(api, home, "b")
    between = (await job_of(api.sessions, newer)).created_at.isoformat()

    before = await order(api, "cancel", filter={"created_before": between}, dry_run=True)
    await order(api, "cancel", filter={"created_after": between})

    assert before["cancelled"] == 1
    assert await statuses(api, [older, newer]) == ["queued", "cancelled"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}},
        {"filter": None, "dry_run": True},
        {"all": True, "filter": {"stage": "parse"}},
        {"filter": {"status": "completed"}},
        {"filter": {"created_before": "2026-11-24T12:00:00"}},
        {"filter": {"created_before": "yesterday"}},
        {"filter": {"created_before": "9999-12-31T23:59:59-01:00"}},
        {"filter": {"fingerprint": "x"}},
        {"filter": {"dataset": "x"}},
        {"all": True, "per_minute": 0},
    ],
)
async def test_an_order_that_does_not_say_to_whom_is_refused(
    api: Api, body: dict[str, Any]
) -> None:
    home = await home_of(api)
    [failure] = await failed(api, home, LOCKED)
    [waiting] = await queued(api, home, "a")

    answers = [await api.client.post(f"{JOBS}/{what}", json=body) for what in ("retry", "cancel")]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert {answer.json()["code"] for answer in answers} == {"invalid_request"}
    assert await statuses(api, [failure, waiting]) == ["failed", "queued"]


async def test_what_does_not_fit_into_the_time_of_a_request_remains(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.orders.BATCH", 2)
    home = await home_of(api)
    await failed(api, home, *([LOCKED] * 5))
    key = await api.tenant_key(api.tenant)
    async with api.sessions() as session:
        holder = await TenantRepository(session).holder(hash_of(key))
    assert holder is not None
    caller = Caller(holder.tenant_id, holder.api_key_id, holder.role)
    orders = Orders(api.sessions, caller, time=timedelta(0))

    done = await orders.retry(
        JobFilter(status=Status.FAILED), target=home.dataset_id, per_minute=None, begin_at=None
    )
    cancelled = await orders.cancel(JobFilter(), target=home.dataset_id)

    assert (done.matched, done.jobs, done.skipped, done.remaining) == (5, 2, 0, 3)
    assert (cancelled.jobs, cancelled.remaining) == (0, 2)


async def test_strangers_and_readers_order_nothing(api: Api) -> None:
    home = await home_of(api)
    [failure] = await failed(api, home, LOCKED)
    [waiting] = await queued(api, home, "a")
    stranger = api.as_key(await api.tenant_key())
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))
    everything = {"filter": {"dataset_id": str(home.dataset_id)}}

    for what, done in (("retry", "retried"), ("cancel", "cancelled")):
        assert (await stranger.post(f"{JOBS}/{what}", json=everything)).json()[done] == 0
        assert (await stranger.post(f"{JOBS}/{what}", json={"all": True})).json()[done] == 0
        assert (await reader.post(f"{JOBS}/{what}", json=everything)).status_code == 403

    assert (await stranger.get(f"{JOBS}/failures")).json() == {"items": [], "more": False}
    assert len((await reader.get(f"{JOBS}/failures")).json()["items"]) == 1
    assert await statuses(api, [failure, waiting]) == ["failed", "queued"]


def _waits(job: Job) -> str | None:
    return job.waiting_for
