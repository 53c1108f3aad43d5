"""The list of jobs: its filters, its orders, its pages and its counts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from db.models import Job
from support.api import Api
from support.attempts import claim, complete, fail
from support.work import home_of, queued

JOBS = "/api/v1/jobs"
SORTS = ["-created", "created", "-finished", "-duration", "-tokens"]


async def listed(api: Api, **query: Any) -> list[str]:
    """The names of the files, all pages of the list after another, two at a time."""
    names, cursor = [], None
    while True:
        params = {"limit": 2, **query, **({"cursor": cursor} if cursor else {})}
        answer = await api.client.get(JOBS, params=params)
        assert answer.status_code == 200, answer.text
        names += [job["file_name"] for job in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return names


async def some_jobs(api: Api) -> dict[str, UUID]:
    """Two completed, two failed, one at work, one queued, made in this order, named alike."""
    home = await home_of(api)
    names = ["a-done.pdf", "b-failed.txt", "c-done.PDF", "d-failed.txt", "e-at-work.md", "f-new.md"]
    jobs = {name: (await queued(api, home, name))[0] for name in names}  # each at its own time
    await complete(api.sessions, jobs["c-done.PDF"], chunks=1)
    await complete(api.sessions, jobs["a-done.pdf"], chunks=1)
    await fail(api.sessions, jobs["b-failed.txt"], code="document_encrypted", message="locked")
    await fail(api.sessions, jobs["d-failed.txt"], code="parser_crashed", message="crash")
    await claim(api.sessions, jobs["e-at-work.md"])
    return jobs


async def test_every_order_has_all_jobs_once_over_all_its_pages(api: Api) -> None:
    jobs = await some_jobs(api)
    async with api.sessions.begin() as session:
        for number, name in enumerate(["d-failed.txt", "a-done.pdf", "c-done.PDF"], start=1):
            await session.execute(
                update(Job)
                .where(Job.id == jobs[name])
                .values(
                    tokens=1000 // number,
                    started_at=Job.finished_at - timedelta(minutes=number),
                )
            )

    orders = {sort: await listed(api, sort=sort) for sort in SORTS}

    behind = ["f-new.md", "e-at-work.md"]
    assert orders == {
        "-created": sorted(jobs, reverse=True),
        "created": sorted(jobs),
        "-finished": ["d-failed.txt", "b-failed.txt", "a-done.pdf", "c-done.PDF", *behind],
        "-duration": ["c-done.PDF", "a-done.pdf", "d-failed.txt", "b-failed.txt", *behind],
        "-tokens": ["d-failed.txt", "a-done.pdf", "c-done.PDF", "b-failed.txt", *behind],
    }


async def test_filters_narrow_together(api: Api) -> None:
    jobs = await some_jobs(api)
    other = await home_of(api)
    await queued(api, other, "g-elsewhere.pdf")
    now = datetime.now(UTC)
    middle = (await api.client.get(f"{JOBS}/{jobs['c-done.PDF']}")).json()
    in_the_middle = datetime.fromisoformat(middle["created_at"])

    found = [
        await listed(api, **query)
        for query in (
            {"status": ["failed", "processing"]},
            {"status": ["failed"], "error_code": "parser_crashed"},
            {"dataset_id": str(other.dataset_id)},
            {"q": ".pdf", "sort": "created"},
            {"q": "DONE", "status": "completed", "sort": "-finished"},
            {"q": "50%_off"},
            {"q": str(jobs["f-new.md"])},
            {"worker": "test", "status": "failed"},
            {"worker": "nobody"},
            {"created_after": now.isoformat()},
            {"created_before": in_the_middle.isoformat(), "q": "failed"},
        )
    ]

    assert found == [
        ["e-at-work.md", "d-failed.txt", "b-failed.txt"],
        ["d-failed.txt"],
        ["g-elsewhere.pdf"],
        ["a-done.pdf", "c-done.PDF", "g-elsewhere.pdf"],
        ["a-done.pdf", "c-done.PDF"],
        [],
        ["f-new.md"],
        ["d-failed.txt", "b-failed.txt"],
        [],
        [],
        ["b-failed.txt"],
    ]


async def test_counts_are_by_state_under_the_same_filters(api: Api) -> None:
    await some_jobs(api)
    stranger = api.as_key(await api.tenant_key())

    all_of_them = (await api.client.get(f"{JOBS}/counts")).json()
    some = (await api.client.get(f"{JOBS}/counts", params={"q": "failed"})).json()
    theirs = (await stranger.get(f"{JOBS}/counts")).json()

    assert all_of_them == {
        "queued": 1, "processing": 1, "completed": 2, "failed": 2, "cancelled": 0, "capped": False,
    }  # fmt: skip
    assert {name for name, number in some.items() if number} == {"failed"}
    assert not any(theirs.values())


async def test_a_job_says_who_worked_on_it_for_how_long_and_in_which_dataset(api: Api) -> None:
    jobs = await some_jobs(api)

    answer = await api.client.get(JOBS)

    shown = {job["file_name"]: job for job in answer.json()["items"]}
    assert {name: job["worker"] for name, job in shown.items()} == {
        name: None if name == "f-new.md" else "test" for name in jobs
    }
    assert {job["dataset_name"] for job in shown.values()} == {"papers"}
    assert shown["f-new.md"]["duration_seconds"] is None
    assert 0 <= shown["a-done.pdf"]["duration_seconds"] < 60
    assert 0 <= shown["e-at-work.md"]["duration_seconds"] < 60


@pytest.mark.parametrize(
    "query",
    ["q=ab", "q=a%00b", "sort=size", "status=lost", "created_after=2026-11-25T10:00:00",
     "created_before=0001-01-01T00:00:00Z", "sort=-tokens&cursor=abc"],
)  # fmt: skip
async def test_what_makes_no_sense_is_refused(api: Api, query: str) -> None:
    answer = await api.client.get(f"{JOBS}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_cursor_of_another_order_is_refused(api: Api) -> None:
    await some_jobs(api)
    page = await api.client.get(JOBS, params={"sort": "-finished", "limit": 1})

    answer = await api.client.get(
        JOBS, params={"sort": "-tokens", "cursor": page.json()["next_cursor"]}
    )

    assert answer.json()["errors"][0]["field"] == "cursor"
