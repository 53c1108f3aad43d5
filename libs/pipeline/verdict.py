"""What becomes of a job whose attempt went wrong: the class of the error decides."""

from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from db.models import WaitingFor
from db.repositories.breakers import BreakerRepository
from db.repositories.documents import DocumentRepository
from db.repositories.jobs import JobRepository
from pipeline.attempt import Attempt
from pipeline.errors import (
    Dependency,
    DependencyError,
    DocumentError,
    Interrupted,
    ObjectChanged,
    PermanentError,
    PipelineError,
    RemovalsHeld,
)

log = structlog.get_logger(__name__)

# How long removals that nobody asked for wait before they are looked at again.
HELD_REMOVAL_DELAY = timedelta(minutes=10)
CHANGED_DELAY = timedelta(milliseconds=50)
CHANGED_DELAY_MAX = timedelta(seconds=30)


async def write_verdict(
    session: AsyncSession, attempt: Attempt, error: PipelineError, *, away: bool
) -> None:
    """Move the job on after `error`, in the caller's transaction.

    `away`: the dependency that the error names fails for others too.

    Raises:
        FenceRaised: the job is no longer the attempt's.
    """
    await DocumentRepository(session).hold(attempt.claim)
    jobs, claim, tally = JobRepository(session), attempt.claim, attempt.tally
    code, message = error.code, error.explanation
    match error:
        case ObjectChanged():
            # Longer each time, for a store whose conditions never hold.
            delay = min(CHANGED_DELAY * (1 << min(claim.attempt - 1, 10)), CHANGED_DELAY_MAX)
            await jobs.release(claim, tally, delay=delay)
            log.info("job.released", error_code=code)
        case Interrupted():
            await jobs.release(claim, tally)
            log.info("job.released", error_code=code)
        case RemovalsHeld():
            await jobs.wait_for(
                claim,
                tally,
                waiting_for=WaitingFor.PAUSE,
                dependency=None,
                code=code,
                message=message,
                delay=HELD_REMOVAL_DELAY,
            )
            log.error("removal.held", error_code=code)
        case DependencyError():
            await _wait(session, attempt, error, away=away)
        case _ if attempt.target.deleted_at is not None:
            await _remove_later(session, attempt, error)
        case PermanentError():
            await jobs.fail(claim, tally, code=code, message=message, etag=attempt.etag)
            log.warning("job.failed", error_code=code)
        case DocumentError() if claim.tries < attempt.policy.tries_max:
            delay = attempt.policy.retry_delays[claim.tries - 1]
            await jobs.retry_later(
                claim, tally, code=code, message=message, delay=delay, etag=attempt.etag
            )
            log.warning("job.retrying", error_code=code, delay_seconds=delay.total_seconds())
        case _:
            await jobs.fail(claim, tally, code=code, message=message, etag=attempt.etag)
            log.warning("job.failed", error_code=code, tries=claim.tries)
    # A probe that ended badly for another reason has still shown what is back.
    failed = error.dependency if isinstance(error, DependencyError) else None
    answers = {each: age for each, age in attempt.answers().items() if each != failed}
    await BreakerRepository(session).close(answers)


async def _wait(
    session: AsyncSession, attempt: Attempt, error: DependencyError, *, away: bool
) -> None:
    jobs, claim, policy = JobRepository(session), attempt.claim, attempt.policy
    waits, waited = await jobs.waited(claim)
    if waited > policy.dependency_patience and attempt.target.deleted_at is None:
        await jobs.fail(
            claim, attempt.tally, code=error.code, message=error.explanation, etag=attempt.etag
        )
        log.warning("job.failed", error_code=error.code)
        return
    delay = policy.dependency_delay(waits, error.retry_after)
    await jobs.wait_for(
        claim,
        attempt.tally,
        waiting_for=WaitingFor.DEPENDENCY,
        dependency=error.dependency,
        code=error.code,
        message=error.explanation,
        delay=delay,
    )
    if away and error.dependency is not Dependency.DATABASE:  # which has just answered
        breakers = BreakerRepository(session)
        await breakers.open(error.dependency, code=error.code, error=error.message)
    log.warning(
        "job.waiting",
        dependency=error.dependency,
        error_code=error.code,
        away=away,
        delay_seconds=round(delay.total_seconds(), 1),
    )


async def _remove_later(session: AsyncSession, attempt: Attempt, error: PipelineError) -> None:
    """What a client deleted has to go: a removal never fails, it only takes longer."""
    jobs, claim = JobRepository(session), attempt.claim
    waits, _ = await jobs.waited(claim)
    await jobs.wait_for(
        claim,
        attempt.tally,
        waiting_for=WaitingFor.RETRY,
        dependency=None,
        code=error.code,
        message=error.explanation,
        delay=attempt.policy.dependency_delay(waits, None),
    )
    log.error("removal.failed", error_code=error.code)
