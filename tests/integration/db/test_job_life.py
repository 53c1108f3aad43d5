"""Claims, fences and verdicts on a real Postgres."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from db.engine import Sessions
from db.errors import FenceRaised, JobConflict
from db.models import Attempt, Outcome, Status, WaitingFor
from db.repositories.announcing import AnnouncingRepository
from db.repositories.claims import Claim, ClaimRepository
from db.repositories.commands import CommandRepository
from db.repositories.documents import Built, DocumentRepository
from db.repositories.jobs import AttemptTally, JobRepository
from support.catalog import LONG_AGO, Home, apply, document_of, job_of, jobs_of

MINUTE = timedelta(minutes=1)
NO_DELAY = timedelta(0)


@pytest.fixture
async def job_id(sessions: Sessions, home: Home) -> UUID:
    made = await apply(sessions, home.change())
    job_id = made[f"{home.dataset_id}/a.txt"]
    assert job_id is not None
    return job_id


async def claim(sessions: Sessions, job_id: UUID, *, lease: timedelta = MINUTE) -> Claim | None:
    async with sessions.begin() as session:
        return await ClaimRepository(session).claim(job_id, worker="w1", lease=lease)


async def claimed(sessions: Sessions, job_id: UUID, *, lease: timedelta = MINUTE) -> Claim:
    held = await claim(sessions, job_id, lease=lease)
    assert held is not None
    return held


async def reap(sessions: Sessions, *, lapses_max: int = 3) -> list[UUID]:
    async with sessions.begin() as session:
        return await AnnouncingRepository(session).reap(lapses_max=lapses_max, limit=10)


async def switch_and_complete(sessions: Sessions, held: Claim, *, etag: str = "e1") -> bool:
    async with sessions.begin() as session:
        documents = DocumentRepository(session)
        generation, _ = await documents.begin_generation(
            held, etag=etag, size=10, content_type=None, last_modified=LONG_AGO, fingerprint="f"
        )
    built = Built(generation, etag, "f", "space_test", 1, None, 10, "text/plain", ())
    async with sessions.begin() as session:
        await DocumentRepository(session).switch(held, built, purge_delay=MINUTE)
        return await JobRepository(session).complete(held, AttemptTally(stage="store"))


async def test_of_many_workers_exactly_one_gets_the_claim(sessions: Sessions, job_id: UUID) -> None:
    claims = await asyncio.gather(*(claim(sessions, job_id) for _ in range(10)))

    assert sum(held is not None for held in claims) == 1


async def test_an_attempt_whose_lease_ran_out_cannot_overwrite_its_successor(
    sessions: Sessions, job_id: UUID
) -> None:
    stale = await claimed(sessions, job_id, lease=NO_DELAY)
    await reap(sessions)
    await claimed(sessions, job_id)

    with pytest.raises(FenceRaised):
        await switch_and_complete(sessions, stale)

    assert (await job_of(sessions, job_id)).status == Status.PROCESSING


async def test_a_lapse_is_counted_apart_and_not_charged_to_the_tries(
    sessions: Sessions, job_id: UUID
) -> None:
    await claimed(sessions, job_id, lease=NO_DELAY)

    reaped = await reap(sessions)

    job = await job_of(sessions, job_id)
    assert reaped == [job_id]
    assert (job.status, job.tries, job.lapses) == (Status.QUEUED, 0, 1)


async def test_a_job_that_lapses_every_time_fails_at_the_cap(
    sessions: Sessions, job_id: UUID
) -> None:
    for _ in range(3):
        held = await claimed(sessions, job_id, lease=NO_DELAY)
        async with sessions.begin() as session:
            await JobRepository(session).progress(
                held, stage="parse", percent=1, chunks_done=0, got_further=False
            )
        await reap(sessions, lapses_max=3)

    job = await job_of(sessions, job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "attempts_exhausted")
    assert job.stage == "parse"  # where it killed its workers
    assert await claim(sessions, job_id) is None


async def test_a_lease_that_runs_is_not_reaped(sessions: Sessions, job_id: UUID) -> None:
    await claimed(sessions, job_id)

    assert await reap(sessions) == []


async def test_renewal_keeps_only_what_is_still_held(sessions: Sessions, home: Home) -> None:
    made = await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    first, second = [await claimed(sessions, job) for job in made.values() if job is not None]
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(second.job_id)

    async with sessions.begin() as session:
        held = await ClaimRepository(session).renew(
            {first.job_id: first.fence, second.job_id: second.fence}, lease=MINUTE
        )

    assert held == {first.job_id}


async def test_a_retry_is_due_only_after_its_delay(sessions: Sessions, job_id: UUID) -> None:
    held = await claimed(sessions, job_id)

    async with sessions.begin() as session:
        await DocumentRepository(session).hold(held)
        await JobRepository(session).retry_later(
            held, AttemptTally(), code="parser_crashed", message="", delay=MINUTE, etag="e1"
        )

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, WaitingFor.RETRY, 1)
    assert await claim(sessions, job_id) is None


async def test_waiting_for_a_dependency_gives_the_try_back(
    sessions: Sessions, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)

    async with sessions.begin() as session:
        await JobRepository(session).wait_for(
            held,
            AttemptTally(),
            waiting_for=WaitingFor.DEPENDENCY,
            dependency="embedder",
            code="embedder_unavailable",
            message="It did not answer.",
            delay=NO_DELAY,
        )

    job = await job_of(sessions, job_id)
    assert (job.tries, job.dependency_waits, job.dependency) == (0, 1, "embedder")
    assert (await claimed(sessions, job_id)).tries == 1


async def test_completion_makes_the_generation_live(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)

    finished = await switch_and_complete(sessions, held)

    document = await document_of(sessions, home)
    assert finished
    assert (document.live_generation, document.live_etag) == (1, "e1")
    assert (await job_of(sessions, job_id)).status == Status.COMPLETED


async def test_a_hint_during_an_attempt_makes_the_job_run_again(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    await apply(sessions, home.change(etag="e2", minute=1))

    finished = await switch_and_complete(sessions, held)

    job = await job_of(sessions, job_id)
    assert not finished
    assert (job.status, job.tries) == (Status.QUEUED, 0)
    assert len(await jobs_of(sessions, home)) == 1


async def test_another_attempt_at_the_same_version_goes_on_with_its_generation(
    sessions: Sessions, job_id: UUID
) -> None:
    async def begin(etag: str) -> tuple[int, bool]:
        held = await claimed(sessions, job_id)
        async with sessions.begin() as session:
            begun = await DocumentRepository(session).begin_generation(
                held, etag=etag, size=1, content_type=None, last_modified=LONG_AGO, fingerprint="f"
            )
            await JobRepository(session).release(held, AttemptTally())
        return begun

    assert await begin("e1") == (1, False)
    assert await begin("e1") == (1, True)
    assert await begin("e2") == (2, False)


async def test_cancelling_takes_the_job_from_its_attempt_for_good(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)

    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(job_id)

    with pytest.raises(FenceRaised):
        await switch_and_complete(sessions, held)
    assert (await job_of(sessions, job_id)).status == Status.CANCELLED


async def test_a_failed_job_can_be_retried_by_hand_with_all_its_tries(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    async with sessions.begin() as session:
        await DocumentRepository(session).hold(held)
        await JobRepository(session).fail(
            held, AttemptTally(), code="document_corrupt", message="It is broken.", etag="e1"
        )

    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).retry(job_id)

    again = await claimed(sessions, job_id)
    assert again.tries == 1
    assert again.fence > held.fence


async def test_a_retry_by_hand_is_refused_while_a_newer_job_is_at_work(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(job_id)
    await apply(sessions, home.change(etag="e2", minute=1))

    with pytest.raises(JobConflict):
        async with sessions.begin() as session:
            await CommandRepository(session, home.tenant_id).retry(job_id)


async def test_a_delete_takes_over_the_running_job_and_cannot_be_cancelled(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    document = await document_of(sessions, home)

    async with sessions.begin() as session:
        commands = CommandRepository(session, home.tenant_id)
        removal = await commands.delete_document(home.dataset_id, document.id)

    assert removal == job_id
    with pytest.raises(FenceRaised):
        await switch_and_complete(sessions, held)
    with pytest.raises(JobConflict):
        async with sessions.begin() as session:
            await CommandRepository(session, home.tenant_id).cancel(job_id)


async def test_the_attempts_of_a_job_stay_in_its_history(sessions: Sessions, job_id: UUID) -> None:
    await claimed(sessions, job_id, lease=NO_DELAY)
    await reap(sessions)
    held = await claimed(sessions, job_id)
    await switch_and_complete(sessions, held)

    async with sessions() as session:
        rows = await session.execute(
            select(Attempt.number, Attempt.outcome)
            .where(Attempt.job_id == job_id)
            .order_by(Attempt.number)
        )
    assert [tuple(row) for row in rows] == [(1, Outcome.LAPSED), (2, Outcome.COMPLETED)]


async def test_a_version_that_arrives_while_another_fails_gets_tries_of_its_own(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    await apply(sessions, home.change(etag="e2", minute=1))

    async with sessions.begin() as session:
        await DocumentRepository(session).hold(held)
        failed = await JobRepository(session).fail(
            held, AttemptTally(), code="document_corrupt", message="", etag="e1"
        )

    job = await job_of(sessions, job_id)
    assert not failed
    assert (job.status, job.tries) == (Status.QUEUED, 0)


async def test_a_version_that_arrives_before_the_last_lapse_is_not_failed_with_it(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    await claimed(sessions, job_id, lease=NO_DELAY)
    await apply(sessions, home.change(etag="e2", minute=1))

    await reap(sessions, lapses_max=1)

    job = await job_of(sessions, job_id)
    assert (job.status, job.lapses) == (Status.QUEUED, 0)


async def test_news_of_the_very_version_that_was_indexed_is_no_reason_to_run_again(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    await apply(sessions, home.change(etag="e1", minute=1))

    finished = await switch_and_complete(sessions, held, etag="e1")

    assert finished


async def test_the_removal_of_a_deleted_document_never_ends_as_failed(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    document = await document_of(sessions, home)
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).delete_document(
            home.dataset_id, document.id
        )
    await claimed(sessions, job_id, lease=NO_DELAY)

    await reap(sessions, lapses_max=1)

    assert (await job_of(sessions, job_id)).status == Status.QUEUED


async def test_claims_and_intake_do_not_wait_for_each_other_in_a_circle(
    sessions: Sessions, home: Home
) -> None:
    for turn in range(30):
        made = await apply(sessions, home.change(f"{turn}.txt"))
        [job_id] = [job for job in made.values() if job is not None]

        # Either may come first; neither may be chosen as a deadlock's victim.
        held, _ = await asyncio.gather(
            claim(sessions, job_id),
            apply(sessions, home.change(f"{turn}.txt", etag="e2", minute=1)),
        )

        assert held is not None


async def test_what_a_client_says_during_an_attempt_counts_even_if_no_event_comes(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    said = replace(home.change(), at=None, etag=None, size=20, reason="upload")
    await apply(sessions, said)  # the object is e2 by now

    finished = await switch_and_complete(sessions, held, etag="e1")

    assert not finished
    assert (await job_of(sessions, job_id)).status == Status.QUEUED


async def test_a_file_that_comes_back_while_its_document_is_removed_and_then_fails_is_not_hidden(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    async with sessions.begin() as session:
        await DocumentRepository(session).remove(held, asked=False, purge_delay=MINUTE)
    await apply(sessions, home.change(etag="e2", minute=1))
    async with sessions.begin() as session:
        documents, jobs = DocumentRepository(session), JobRepository(session)
        await documents.remove(held, asked=False, purge_delay=MINUTE)
        await jobs.complete(held, AttemptTally(stage="remove"))
    again = await claimed(sessions, job_id)

    async with sessions.begin() as session:
        await DocumentRepository(session).hold(again)
        await JobRepository(session).fail(
            again, AttemptTally(), code="encrypted", message="", etag="e2"
        )

    assert (await job_of(sessions, job_id)).status == Status.FAILED
    assert (await document_of(sessions, home)).removed_at is None


async def test_a_delete_is_of_the_newest_version_told_also_while_an_older_one_is_indexed(
    sessions: Sessions, home: Home, job_id: UUID
) -> None:
    held = await claimed(sessions, job_id)
    await apply(sessions, home.change(etag="e2", minute=1))
    async with sessions.begin() as session:
        await DocumentRepository(session).begin_generation(
            held, etag="e1", size=10, content_type=None, last_modified=LONG_AGO, fingerprint="f"
        )
    document = await document_of(sessions, home)

    async with sessions.begin() as session:
        commands = CommandRepository(session, home.tenant_id)
        await commands.delete_document(home.dataset_id, document.id)

    assert (await document_of(sessions, home)).deleted_etag == "e2"
