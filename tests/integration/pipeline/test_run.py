"""How an attempt ends decides what becomes of its job: the runner on a real Postgres.

The stages are small functions of the tests; all that they write goes through the repositories.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from db.engine import Sessions
from db.models import Attempt as AttemptRow
from db.models import (
    Breaker,
    Dataset,
    Event,
    Job,
    Outcome,
    Status,
    Tenant,
    Usage,
    WaitingFor,
)
from db.repositories.announcing import AnnouncingRepository
from db.repositories.breakers import BreakerRepository
from db.repositories.claims import ClaimRepository
from db.repositories.commands import CommandRepository
from db.repositories.documents import Built, DocumentRepository
from db.repositories.jobs import JobRepository
from integration.pipeline.conftest import Outage
from pipeline.attempt import Attempt
from pipeline.embed.errors import EmbedderQuotaExhausted, EmbedderRateLimited
from pipeline.errors import (
    Dependency,
    DependencyError,
    DocumentEncrypted,
    Interrupted,
    ObjectChanged,
    ParserCrashed,
    RemovalsHeld,
)
from pipeline.lease import LeaseKeeper
from pipeline.policy import Policy
from pipeline.run import Process, Runner
from support.catalog import LONG_AGO, Home, apply, document_of, job_of

MINUTE = timedelta(minutes=1)
NO_DELAY = timedelta(0)
SOON_SECONDS = 10.0  # far more than any of these takes; only a failing test waits as long
# Two tries in all, the second at once; a dependency is asked again after a minute.
POLICY = Policy(
    retry_delays=(NO_DELAY,),
    dependency_delay_first=MINUTE,
    dependency_delay_max=2 * MINUTE,
    shutdown_grace=timedelta(milliseconds=200),
)

MakeRunner = Callable[..., Runner]

pytestmark = pytest.mark.usefixtures("quick_leases")


@pytest.fixture
def make_runner(sessions: Sessions, keeper: LeaseKeeper) -> MakeRunner:
    def make(process: Process, *, policy: Policy = POLICY, away: bool = True) -> Runner:
        async def is_away(_: Dependency) -> bool:
            return away

        return Runner(
            is_away=is_away,
            sessions=sessions,
            keeper=keeper,
            policy=policy,
            process=process,
            worker="w1",
            stopping=asyncio.Event(),
        )

    return make


def completing(sessions: Sessions) -> Process:
    """Stages that end well, with the switch and the end of the job in one transaction."""

    async def process(attempt: Attempt) -> None:
        claim = attempt.claim
        with attempt.stage("store"):
            async with sessions.begin() as session:
                generation, _ = await DocumentRepository(session).begin_generation(
                    claim,
                    etag="e1",
                    size=10,
                    content_type="text/plain",
                    fingerprint="f",
                    last_modified=LONG_AGO,
                )
        attempt.tally.chunks_embedded = 3
        attempt.check()
        built = Built(generation, "e1", "f", "space_test", 3, 1, 10, "text/plain", ())
        async with sessions.begin() as session:
            await DocumentRepository(session).switch(claim, built, purge_delay=MINUTE)
            await JobRepository(session).complete(claim, attempt.tally)

    return process


def failing(error: BaseException) -> Process:
    async def process(_: Attempt) -> None:
        raise error

    return process


class Endless:
    """Stages that never end by themselves; `ended` is set when somebody ends them."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def __call__(self, _: Attempt) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def begun(runner: Runner, job_id: UUID, process: Endless) -> asyncio.Task[None]:
    task = asyncio.create_task(runner.run(job_id))
    await soon(process.begun.wait())
    return task


async def soon(waiting: Awaitable[object]) -> None:
    await asyncio.wait_for(waiting, SOON_SECONDS)


async def attempts_of(sessions: Sessions, job_id: UUID) -> list[AttemptRow]:
    async with sessions() as session:
        rows = await session.scalars(
            select(AttemptRow).where(AttemptRow.job_id == job_id).order_by(AttemptRow.number)
        )
        return list(rows)


async def outcomes_of(sessions: Sessions, job_id: UUID) -> list[str]:
    return [attempt.outcome for attempt in await attempts_of(sessions, job_id)]


async def breakers(sessions: Sessions) -> list[Breaker]:
    async with sessions() as session:
        return list(await session.scalars(select(Breaker)))


async def seconds_until_due(sessions: Sessions, job_id: UUID) -> float:
    async with sessions() as session:
        left = await session.scalar(
            select(func.extract("epoch", Job.run_after - func.now())).where(Job.id == job_id)
        )
    assert left is not None
    return float(left)


async def test_an_attempt_that_ends_well_completes_the_job(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner
) -> None:
    await make_runner(completing(sessions)).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.progress, job.lease_until) == (Status.COMPLETED, 100, None)
    assert (await document_of(sessions, home)).live_generation == 1
    assert await outcomes_of(sessions, job_id) == [Outcome.COMPLETED]


async def test_a_job_that_is_at_work_is_not_claimed_a_second_time(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    process = Endless()
    runner, elsewhere = make_runner(process), make_runner(completing(sessions))
    task = await begun(runner, job_id, process)

    await runner.run(job_id)
    await elsewhere.run(job_id)

    assert len(await attempts_of(sessions, job_id)) == 1
    assert (await job_of(sessions, job_id)).status == Status.PROCESSING
    runner.stopping.set()
    await soon(task)


async def test_a_job_whose_lease_is_late_by_the_workers_clock_alone_is_given_back(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def late(attempt: Attempt) -> None:
        attempt.lease.deadline = 0.0
        attempt.check()

    await make_runner(late).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.tries, job.lapses, job.lease_until) == (Status.QUEUED, 0, 0, None)
    assert await outcomes_of(sessions, job_id) == [Outcome.RELEASED]


async def test_of_many_workers_that_hear_the_bell_one_makes_the_attempt(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    runners = [make_runner(completing(sessions)) for _ in range(5)]

    await asyncio.gather(*(runner.run(job_id) for runner in runners))

    assert await outcomes_of(sessions, job_id) == [Outcome.COMPLETED]


async def test_a_finished_job_is_left_alone(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    runner = make_runner(completing(sessions))
    await runner.run(job_id)

    await runner.run(job_id)

    assert len(await attempts_of(sessions, job_id)) == 1


async def test_a_permanent_error_fails_the_job_at_once(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    await make_runner(failing(DocumentEncrypted("It has a password."))).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.tries, job.lease_until) == (Status.FAILED, 1, None)
    assert job.error_code == "document_encrypted"
    assert job.error == "It has a password. Remove the password and upload the file again."
    assert job.finished_at is not None
    [attempt] = await attempts_of(sessions, job_id)
    assert (attempt.outcome, attempt.error_code) == (Outcome.FAILED, "document_encrypted")
    assert attempt.finished_at is not None


async def test_an_error_of_the_document_is_tried_again_after_its_delay(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    policy = Policy(retry_delays=(MINUTE, 2 * MINUTE))
    runner = make_runner(failing(ParserCrashed("It crashed.")), policy=policy)

    await runner.run(job_id)
    await runner.run(job_id)  # not due: no attempt

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, WaitingFor.RETRY, 1)
    assert 50 < await seconds_until_due(sessions, job_id) <= 60
    assert await outcomes_of(sessions, job_id) == [Outcome.RETRY]


async def test_every_try_has_a_delay_of_its_own(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    policy = Policy(retry_delays=(NO_DELAY, 2 * MINUTE))
    runner = make_runner(failing(ParserCrashed("It crashed.")), policy=policy)

    await runner.run(job_id)
    await runner.run(job_id)

    assert 110 < await seconds_until_due(sessions, job_id) <= 120


async def test_an_error_of_the_document_fails_the_job_when_its_tries_are_spent(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    runner = make_runner(failing(ParserCrashed("It crashed.")))

    for _ in range(3):
        await runner.run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.error_code, job.tries) == (Status.FAILED, "parser_crashed", 2)
    assert await outcomes_of(sessions, job_id) == [Outcome.RETRY, Outcome.FAILED]


async def test_an_unexpected_exception_is_an_internal_error_and_tells_clients_no_secrets(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    runner = make_runner(failing(ZeroDivisionError("a line of the document")))

    await runner.run(job_id)
    after_one = await job_of(sessions, job_id)
    await runner.run(job_id)
    after_two = await job_of(sessions, job_id)

    assert (after_one.status, after_one.waiting_for) == (Status.QUEUED, WaitingFor.RETRY)
    assert (after_two.status, after_two.error_code) == (Status.FAILED, "internal_error")
    assert after_two.error is not None
    assert "a line of the document" not in after_two.error


async def test_an_attempt_that_cancels_itself_is_charged_for_it(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def cancels_itself(_: Attempt) -> None:
        raise asyncio.CancelledError

    await make_runner(cancels_itself).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.waiting_for, job.error_code, job.tries) == (WaitingFor.RETRY, "internal_error", 1)


async def test_a_statement_that_postgres_refuses_is_an_internal_error(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def divides_by_zero(_: Attempt) -> None:
        async with sessions() as session:
            await session.execute(text("select 1 / 0"))

    await make_runner(divides_by_zero).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.waiting_for, job.error_code, job.tries) == (WaitingFor.RETRY, "internal_error", 1)


async def test_a_dependency_that_is_down_gives_the_try_back_and_opens_its_breaker(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    error = DependencyError("It did not answer.", dependency=Dependency.EMBEDDER)

    await make_runner(failing(error)).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for) == (Status.QUEUED, WaitingFor.DEPENDENCY)
    assert (job.dependency, job.tries, job.dependency_waits) == ("embedder", 0, 1)
    assert 50 < await seconds_until_due(sessions, job_id) <= 90
    assert await outcomes_of(sessions, job_id) == [Outcome.WAITING]
    [breaker] = await breakers(sessions)
    assert (breaker.dependency, breaker.error_code) == ("embedder", "dependency_unavailable")


async def test_an_attempt_that_goes_wrong_still_shows_what_is_back(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async with sessions.begin() as session:
        for dependency in (Dependency.OBJECT_STORE, Dependency.EMBEDDER):
            await BreakerRepository(session).open(dependency, code="gone", error="It is gone.")

    async def looks_and_fails(attempt: Attempt) -> None:
        attempt.answered(Dependency.OBJECT_STORE)
        raise DependencyError("It did not answer.", dependency=Dependency.EMBEDDER)

    await make_runner(looks_and_fails).run(job_id)

    assert [breaker.dependency for breaker in await breakers(sessions)] == [Dependency.EMBEDDER]


async def test_a_document_that_alone_provokes_errors_opens_no_breaker(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    error = DependencyError("It answered 500.", dependency=Dependency.EMBEDDER)

    await make_runner(failing(error), away=False).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.waiting_for, job.dependency, job.tries) == (WaitingFor.DEPENDENCY, "embedder", 0)
    assert await breakers(sessions) == []


async def test_a_dependency_that_asks_to_slow_down_is_not_away(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    error = EmbedderRateLimited("Too many requests.", retry_after=MINUTE)

    await make_runner(failing(error)).run(job_id)

    assert (await job_of(sessions, job_id)).waiting_for == WaitingFor.DEPENDENCY
    assert await breakers(sessions) == []


@pytest.mark.parametrize("everything", [True, False])
async def test_a_pause_ends_the_attempt_and_costs_no_try(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner, everything: bool
) -> None:
    process = Endless()
    runner = make_runner(process)
    attempt = await begun(runner, job_id, process)

    async with sessions.begin() as session:
        paused = update(Tenant if everything else Dataset)
        await session.execute(paused.values(paused_at=func.now()))
    await soon(attempt)
    await runner.run(job_id)  # announced before the pause

    job = await job_of(sessions, job_id)
    assert (job.status, job.tries, job.lapses) == (Status.QUEUED, 0, 0)
    assert await outcomes_of(sessions, job_id) == [Outcome.RELEASED]


async def test_what_the_dependency_asks_for_is_waited_for(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    error = DependencyError(
        "Too many requests.",
        dependency=Dependency.EMBEDDER,
        retry_after=timedelta(seconds=100),
    )

    await make_runner(failing(error)).run(job_id)

    assert 90 < await seconds_until_due(sessions, job_id) <= 150


async def test_a_job_that_waited_past_all_patience_fails(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    error = DependencyError("It did not answer.", dependency=Dependency.VECTOR_STORE)
    runner = make_runner(failing(error))
    await runner.run(job_id)
    async with sessions.begin() as session:
        await session.execute(
            update(Job).values(
                waiting_since=func.now() - POLICY.dependency_patience - MINUTE,
                run_after=func.now(),
            )
        )

    await runner.run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "dependency_unavailable")
    assert await outcomes_of(sessions, job_id) == [Outcome.WAITING, Outcome.FAILED]


async def test_progress_begins_the_patience_anew(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def gets_somewhere(attempt: Attempt) -> None:
        async with sessions.begin() as session:
            await JobRepository(session).progress(
                attempt.claim, stage="embed", percent=10, chunks_done=5, got_further=True
            )
        raise DependencyError("It went away again.", dependency=Dependency.EMBEDDER)

    async with sessions.begin() as session:
        await session.execute(
            update(Job).values(
                waiting_since=func.now() - POLICY.dependency_patience - MINUTE, dependency_waits=9
            )
        )

    await make_runner(gets_somewhere).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.dependency_waits, job.progress) == (Status.QUEUED, 1, 10)


@pytest.mark.parametrize(
    "error", [ObjectChanged("It is another version."), Interrupted("The worker stops.")]
)
async def test_what_is_nobodys_fault_gives_the_job_back_soon_and_uncharged(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner, error: Exception
) -> None:
    await make_runner(failing(error)).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, None, 0)
    assert (job.announced_at, job.lease_until) == (None, None)
    assert await seconds_until_due(sessions, job_id) < 0.1
    assert await outcomes_of(sessions, job_id) == [Outcome.RELEASED]


async def test_an_object_that_never_stands_still_is_looked_at_less_and_less_often(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Job).values(attempts=50))

    await make_runner(failing(ObjectChanged("It is another version."))).run(job_id)

    assert 20 < await seconds_until_due(sessions, job_id) <= 30


@pytest.mark.parametrize(
    "error", [DocumentEncrypted("It has a password."), ParserCrashed("It crashed.")]
)
async def test_news_during_an_attempt_that_fails_gives_the_new_version_all_its_tries(
    *,
    sessions: Sessions,
    home: Home,
    job_id: UUID,
    make_runner: MakeRunner,
    error: Exception,
) -> None:
    async def fails_while_a_new_version_comes(attempt: Attempt) -> None:
        attempt.etag = "e1"
        await apply(sessions, home.change(etag="e2", minute=1))
        raise error

    await make_runner(fails_while_a_new_version_comes).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, None, 0)
    assert (await document_of(sessions, home)).judged_etag is None


async def test_a_failure_is_a_verdict_on_the_version_that_was_looked_at(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def looks_and_fails(attempt: Attempt) -> None:
        attempt.etag = "e1"
        raise DocumentEncrypted("It has a password.")

    await make_runner(looks_and_fails).run(job_id)

    assert (await document_of(sessions, home)).judged_etag == "e1"


@pytest.mark.parametrize(
    "error",
    [
        DocumentEncrypted("It has a password."),
        ParserCrashed("It crashed."),
        ZeroDivisionError("nobody expected it"),
        DependencyError("It did not answer.", dependency=Dependency.OBJECT_STORE),
    ],
)
async def test_a_removal_never_fails_it_only_takes_longer(
    *,
    sessions: Sessions,
    home: Home,
    job_id: UUID,
    make_runner: MakeRunner,
    error: Exception,
) -> None:
    document = await document_of(sessions, home)
    async with sessions.begin() as session:
        commands = CommandRepository(session, home.tenant_id)
        await commands.delete_document(home.dataset_id, document.id)
    async with sessions.begin() as session:
        await session.execute(
            update(Job).values(waiting_since=func.now() - POLICY.dependency_patience - MINUTE)
        )
    runner = make_runner(failing(error))

    for _ in range(4):
        await runner.run(job_id)
        async with sessions.begin() as session:
            await session.execute(update(Job).values(run_after=func.now()))

    job = await job_of(sessions, job_id)
    assert (job.status, job.tries, job.dependency_waits) == (Status.QUEUED, 0, 4)


async def test_removals_that_nobody_asked_for_wait_without_a_breaker(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    await make_runner(failing(RemovalsHeld("Too many went at once."))).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, WaitingFor.PAUSE, 0)
    assert await breakers(sessions) == []


async def test_a_cancel_ends_the_attempt_soon_and_for_good(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner
) -> None:
    process = Endless()
    task = await begun(make_runner(process), job_id, process)

    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(job_id)
    cancelled_at = time.monotonic()
    await soon(task)

    assert time.monotonic() - cancelled_at < 1.5
    assert process.ended.is_set()
    job = await job_of(sessions, job_id)
    assert (job.status, job.error_code) == (Status.CANCELLED, "cancelled")
    assert await outcomes_of(sessions, job_id) == [Outcome.CANCELLED]


async def test_an_error_after_a_cancel_does_not_bring_the_job_back(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def fails_when_cancelled(_: Attempt) -> None:
        async with sessions.begin() as session:
            await CommandRepository(session, home.tenant_id).cancel(job_id)
        raise ParserCrashed("It crashed just then.")

    await make_runner(fails_when_cancelled).run(job_id)

    assert (await job_of(sessions, job_id)).status == Status.CANCELLED
    assert await outcomes_of(sessions, job_id) == [Outcome.CANCELLED]


async def test_a_verdict_is_written_once_postgres_is_back(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner, outage: Outage
) -> None:
    at_work, may_fail = asyncio.Event(), asyncio.Event()

    async def fails_when_told(_: Attempt) -> None:
        at_work.set()
        await may_fail.wait()
        raise DocumentEncrypted("It has a password.")

    task = asyncio.create_task(make_runner(fails_when_told).run(job_id))
    await soon(at_work.wait())

    async with outage():
        may_fail.set()
        await asyncio.wait([task], timeout=0.3)  # time enough for the verdict, were it possible
    concluded_without_postgres = task.done()
    await soon(task)

    assert not concluded_without_postgres
    job = await job_of(sessions, job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "document_encrypted")


async def test_a_job_is_claimed_once_postgres_is_back(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner, outage: Outage
) -> None:
    """A ring that is given up is not heard again for a minute."""
    async with outage():
        task = asyncio.create_task(make_runner(completing(sessions)).run(job_id))
        await asyncio.wait([task], timeout=0.3)  # time enough for a claim, were it possible
    given_up = task.done()

    await soon(task)

    assert not given_up
    assert (await job_of(sessions, job_id)).status == Status.COMPLETED


async def test_a_database_that_goes_away_during_an_attempt_costs_it_no_try(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner, outage: Outage
) -> None:
    async def asks_in_vain(attempt: Attempt) -> None:
        async with outage(), sessions() as session:
            await JobRepository(session).waited(attempt.claim)

    await soon(make_runner(asks_in_vain).run(job_id))

    job = await job_of(sessions, job_id)
    assert (job.status, job.waiting_for, job.tries) == (Status.QUEUED, WaitingFor.DEPENDENCY, 0)
    assert job.dependency == "database"


async def test_the_hard_limit_ends_an_attempt_and_charges_it(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    process = Endless()
    policy = Policy(retry_delays=(NO_DELAY,), hard_limit=timedelta(milliseconds=200))
    runner = make_runner(process, policy=policy)

    await soon(runner.run(job_id))
    after_one = await job_of(sessions, job_id)
    await soon(runner.run(job_id))
    after_two = await job_of(sessions, job_id)

    assert process.ended.is_set()
    assert (after_one.status, after_one.error_code) == (Status.QUEUED, "attempt_timeout")
    assert (after_two.status, after_two.tries) == (Status.FAILED, 2)


async def test_a_large_file_may_take_longer_than_a_small_one(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    policy = Policy(hard_limit=timedelta(milliseconds=100), reading_rate=1000)

    async def large(attempt: Attempt) -> None:
        attempt.file_bytes = 60_000  # a minute's work at that rate
        await asyncio.sleep(0.3)
        await completing(sessions)(attempt)

    await soon(make_runner(large, policy=policy).run(job_id))

    assert (await job_of(sessions, job_id)).status == Status.COMPLETED


async def test_a_stopping_worker_gives_its_job_back_after_the_grace(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    process = Endless()
    runner = make_runner(process)
    task = await begun(runner, job_id, process)

    runner.stopping.set()
    stopped_at = time.monotonic()
    await soon(task)

    assert time.monotonic() - stopped_at >= POLICY.shutdown_grace.total_seconds()
    job = await job_of(sessions, job_id)
    assert (job.status, job.tries) == (Status.QUEUED, 0)
    assert await outcomes_of(sessions, job_id) == [Outcome.RELEASED]


async def test_an_attempt_that_ends_within_the_grace_is_not_cut_off(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    at_work = asyncio.Event()
    policy = Policy(shutdown_grace=MINUTE)

    async def until_told(attempt: Attempt) -> None:
        at_work.set()
        await attempt.stopping.wait()
        await completing(sessions)(Attempt(attempt.lease, attempt.target, policy, asyncio.Event()))

    runner = make_runner(until_told, policy=policy)
    task = asyncio.create_task(runner.run(job_id))
    await soon(at_work.wait())

    runner.stopping.set()
    await soon(task)

    assert (await job_of(sessions, job_id)).status == Status.COMPLETED


async def test_a_stopping_worker_claims_nothing_more(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    runner = make_runner(completing(sessions))
    runner.stopping.set()

    await runner.run(job_id)

    assert await attempts_of(sessions, job_id) == []


async def test_past_the_soft_limit_an_attempt_with_progress_is_released_at_its_next_step(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def slow(attempt: Attempt) -> None:
        attempt.tally.chunks_reused = 1  # found, which is no progress: the limit does not count
        attempt.check()
        attempt.tally.chunks_embedded = 1
        attempt.stored(1)
        attempt.check()

    await make_runner(slow, policy=Policy(soft_limit=NO_DELAY)).run(job_id)

    job = await job_of(sessions, job_id)
    assert (job.status, job.tries) == (Status.QUEUED, 0)
    [attempt] = await attempts_of(sessions, job_id)
    assert (attempt.outcome, attempt.chunks_embedded) == (Outcome.RELEASED, 1)


async def test_an_attempt_that_took_long_to_find_its_rows_is_given_time_to_store_new_ones(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    policy, steps = Policy(), []

    async def slow(attempt: Attempt) -> None:
        attempt.began -= policy.soft_limit.total_seconds() + 1  # passing over what is there
        attempt.stored(1)
        for _ in range(2):
            attempt.check()
            steps.append(attempt.rows_stored)
            attempt.began -= 1
            assert attempt.stored_first is not None
            attempt.stored_first -= policy.storing_min.total_seconds() + 1

    await make_runner(slow, policy=policy).run(job_id)

    assert steps == [1]
    assert (await job_of(sessions, job_id)).status == Status.QUEUED


async def test_a_job_that_lapsed_before_runs_alone(
    sessions: Sessions, home: Home, make_runner: MakeRunner
) -> None:
    made = await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    lapsed, neighbour = [job for job in made.values() if job is not None]
    async with sessions.begin() as session:
        await ClaimRepository(session).claim(lapsed, worker="died", lease=NO_DELAY)
    async with sessions.begin() as session:
        await AnnouncingRepository(session).reap(lapses_max=3, limit=10)
    process = Endless()
    runner = make_runner(process)
    at_work = await begun(runner, neighbour, process)

    waiting = asyncio.create_task(runner.run(lapsed))
    await asyncio.wait([waiting], timeout=0.3)  # time enough for a claim, if it were to be made
    while_at_work = (await job_of(sessions, lapsed)).status
    async with sessions.begin() as session:
        await CommandRepository(session, home.tenant_id).cancel(neighbour)
    await soon(at_work)
    async with asyncio.timeout(SOON_SECONDS):
        while (await job_of(sessions, lapsed)).status == Status.QUEUED:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.02)

    assert while_at_work == Status.QUEUED
    runner.stopping.set()
    await soon(waiting)


async def test_an_unpaid_bill_stops_the_work_under_its_own_name_and_uses_up_no_try(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    unpaid = EmbedderQuotaExhausted("The embedding endpoint says that the quota is used up.")

    await make_runner(failing(unpaid)).run(job_id)

    job = await job_of(sessions, job_id)
    [breaker] = await breakers(sessions)
    assert (job.status, job.waiting_for) == (Status.QUEUED, WaitingFor.DEPENDENCY)
    assert (job.error_code, job.tries) == ("embedder_quota_exhausted", 0)
    assert (breaker.dependency, breaker.error_code) == ("embedder", "embedder_quota_exhausted")


async def test_the_history_says_what_an_attempt_did_and_its_tokens_are_paid_for(
    sessions: Sessions, home: Home, job_id: UUID, make_runner: MakeRunner
) -> None:
    async def embeds_and_fails(attempt: Attempt) -> None:
        with attempt.stage("parse"):
            pass
        with attempt.stage("embed"):
            attempt.tally.bill.charge("model-a", Decimal("0.02"), 120, counted=False)
            attempt.tally.chunks_embedded, attempt.tally.chunks_reused = 4, 2
            raise ParserCrashed("It crashed.")

    runner = make_runner(embeds_and_fails)
    await runner.run(job_id)
    await runner.run(job_id)

    attempts = await attempts_of(sessions, job_id)
    assert [(each.number, each.worker, each.stage) for each in attempts] == [
        (1, "w1", "embed"),
        (2, "w1", "embed"),
    ]
    assert {(each.tokens, each.chunks_embedded, each.chunks_reused) for each in attempts} == {
        (120, 4, 2)
    }
    assert set(attempts[0].stage_seconds) == {"parse", "embed"}
    async with sessions() as session:
        usage = list(await session.scalars(select(Usage).where(Usage.job_id == job_id)))
    assert [(row.model, row.tokens, row.cost) for row in usage] == [
        ("model-a", 120, Decimal("0.0000024"))
    ] * 2
    assert {row.tenant_id for row in usage} == {home.tenant_id}


async def test_every_change_of_a_job_is_an_event_for_clients(
    sessions: Sessions, job_id: UUID, make_runner: MakeRunner
) -> None:
    await make_runner(failing(ParserCrashed("It crashed."))).run(job_id)
    await make_runner(completing(sessions)).run(job_id)

    async with sessions() as session:
        kinds = await session.scalars(
            select(Event.kind).where(Event.job_id == job_id).order_by(Event.id)
        )
    assert list(kinds) == [
        "job.queued",
        "job.claimed",
        "job.retrying",
        "job.claimed",
        "document.searchable",
        "job.completed",
    ]
