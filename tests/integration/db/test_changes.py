"""Hints become jobs, and hints that say nothing new become nothing."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from db.engine import Sessions
from db.errors import FenceRaised
from db.models import Dataset, Document, Job, Status, UploadHint
from db.repositories.changes import Change
from db.repositories.datasets import DatasetRepository
from db.repositories.intake import IntakeRepository
from db.repositories.jobs import JobRepository
from support.attempts import claim
from support.catalog import LONG_AGO, Home, apply, document_of, job_of, jobs_of


async def finish(sessions: Sessions, home: Home, *, etag: str) -> None:
    """As if every job had made `etag` searchable."""
    async with sessions.begin() as session:
        await session.execute(update(Job).values(status=Status.COMPLETED))
        await session.execute(
            update(Document).values(
                live_etag=etag, live_generation=1, live_at=LONG_AGO + timedelta(days=1)
            )
        )


async def test_a_new_object_becomes_a_document_with_a_queued_job(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change())

    document = await document_of(sessions, home)
    [job] = await jobs_of(sessions, home)
    assert (document.file_name, document.etag, document.size) == ("a.txt", "e1", 10)
    assert (job.document_id, job.status) == (document.id, Status.QUEUED)


async def test_the_same_event_three_times_makes_one_job(sessions: Sessions, home: Home) -> None:
    for _ in range(3):
        await apply(sessions, home.change())

    assert len(await jobs_of(sessions, home)) == 1


async def test_a_repetition_after_completion_makes_no_second_job(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change())
    await finish(sessions, home, etag="e1")

    await apply(sessions, home.change())

    assert len(await jobs_of(sessions, home)) == 1


async def test_the_event_finds_nothing_to_do_after_the_client_said_it_was_done(
    sessions: Sessions, home: Home
) -> None:
    key = f"{home.dataset_id}/a.txt"
    await apply(sessions, Change(home.dataset_id, key, "a.txt", reason="upload"))
    await finish(sessions, home, etag="e1")

    made = await apply(sessions, home.change(etag="e1"))

    assert made == {key: None}


async def test_an_event_for_what_is_live_counts_again_after_the_settings_changed(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change())
    await finish(sessions, home, etag="e1")
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(updated_at=LONG_AGO + timedelta(days=2)))

    await apply(sessions, home.change(minute=5))

    assert len(await jobs_of(sessions, home)) == 2


async def test_an_overwrite_after_completion_makes_another_job(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change())
    await finish(sessions, home, etag="e1")

    await apply(sessions, home.change(etag="e2", minute=1))

    assert len(await jobs_of(sessions, home)) == 2


async def test_late_news_does_not_overwrite_what_is_known_of_the_object(
    sessions: Sessions, home: Home
) -> None:
    await apply(sessions, home.change(etag="new", minute=5))

    await apply(sessions, home.change(etag="old", minute=1))

    assert (await document_of(sessions, home)).etag == "new"


async def test_pollers_that_take_in_the_same_events_at_once_make_each_job_once(
    sessions: Sessions, home: Home
) -> None:
    changes = [home.change(f"{number}.txt") for number in range(50)]

    await asyncio.gather(
        *(apply(sessions, *(changes if turn % 2 else reversed(changes))) for turn in range(6))
    )

    assert len(await jobs_of(sessions, home)) == 50


async def test_what_arrives_for_a_deleted_dataset_is_marked_for_removal(
    sessions: Sessions, home: Home
) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(deleted_at=LONG_AGO))

    await apply(sessions, home.change(etag="e9"))

    document = await document_of(sessions, home)
    assert document.deleted_etag == "e9"
    assert len(await jobs_of(sessions, home)) == 1


async def test_an_arrival_closes_the_hint_of_its_upload_url(sessions: Sessions, home: Home) -> None:
    await apply(sessions, home.change())
    document = await document_of(sessions, home)
    await finish(sessions, home, etag="e1")
    async with sessions.begin() as session:
        session.add(UploadHint(document_id=document.id, expires_at=LONG_AGO.replace(year=2100)))
    assert await newest_hint(sessions) is not None

    await apply(sessions, home.change(etag="e2", minute=1))

    assert await newest_hint(sessions) is None


async def newest_hint(sessions: Sessions) -> timedelta | None:
    async with sessions() as session:
        return await IntakeRepository(session).newest_open_hint()


async def test_changes_of_many_datasets_go_in_together(sessions: Sessions, home: Home) -> None:
    other = uuid4()
    async with sessions.begin() as session:
        session.add(
            Dataset(id=other, tenant_id=home.tenant_id, name="other", live_space="space_test")
        )

    made = await apply(sessions, home.change(), Home(home.tenant_id, other).change())

    assert all(isinstance(job, UUID) for job in made.values())
    assert len(made) == 2


async def test_what_arrives_for_a_deleted_dataset_takes_the_job_from_its_attempt(
    sessions: Sessions, home: Home
) -> None:
    [job_id] = (await apply(sessions, home.change())).values()
    assert job_id is not None
    held = await claim(sessions, job_id)
    async with sessions.begin() as session:
        await DatasetRepository(session, home.tenant_id).delete(home.dataset_id)

    await apply(sessions, home.change(etag="e2", minute=1))

    async with sessions.begin() as session:
        with pytest.raises(FenceRaised):
            await JobRepository(session).check(held)
    job = await job_of(sessions, job_id)
    assert (job.status, job.reason) == (Status.QUEUED, "delete")
    assert (await document_of(sessions, home)).live_generation is None
