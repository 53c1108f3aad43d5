"""One attempt, from the claim to the row that says how it ended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.errors import FenceRaised, is_away
from db.repositories.claims import ClaimRepository, Prospect
from db.repositories.documents import DocumentRepository
from db.repositories.usage import UsageRepository
from pipeline.attempt import Attempt
from pipeline.canary import IsAway
from pipeline.errors import (
    AttemptTimeout,
    Dependency,
    DependencyError,
    InternalError,
    Interrupted,
    LeaseLost,
    PipelineError,
)
from pipeline.gate import Gate
from pipeline.lease import LEASE, LeaseKeeper
from pipeline.policy import Policy
from pipeline.precedence import Precedence
from pipeline.verdict import write_verdict

log = structlog.get_logger(__name__)

Process = Callable[[Attempt], Awaitable[None]]

# How often the end of an attempt is written again while Postgres is away; the lease bounds it too.
VERDICT_PAUSE_SECONDS = 1.0
# What a cancelled attempt may need to end: longer than any statement that it waits for.
CANCEL_SECONDS = 90.0
# Before a claim is tried again while Postgres is away. A ring that is given up is missed: the job
# is announced again only when the announcer has lost hope.
CLAIM_PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


async def _believed(_: Dependency) -> bool:
    """Without a canary the attempt's word has to do."""
    return True


@dataclass(frozen=True, slots=True)
class Runner:
    """What all attempts of a process share."""

    sessions: Sessions
    keeper: LeaseKeeper
    policy: Policy
    process: Process
    worker: str
    stopping: asyncio.Event
    is_away: IsAway = _believed
    gate: Gate = field(default_factory=Gate)
    precedence: Precedence = field(default_factory=Precedence)
    _running: set[UUID] = field(default_factory=set)

    async def prospect(self, job_id: UUID) -> Prospect | None:
        """What is known of a job before the claim; None if it is not queued."""
        async with self.sessions() as session:
            return await ClaimRepository(session).prospect(job_id)

    async def run(self, job_id: UUID, *, first: bool = False) -> None:
        """Make one attempt at a job, if it is due and nobody else's; `first`: before all others.

        Safe to call twice for one job: the second caller gets no claim and returns. Nothing is
        raised for what goes wrong with the document: that is written to the job.
        """
        if self.stopping.is_set() or job_id in self._running:
            return  # the announcer will ring again, or has rung twice
        self._running.add(job_id)
        try:
            with self.precedence.first() if first else nullcontext():
                for pause in CLAIM_PAUSES:
                    if await self._is_answered(job_id, first=first):
                        return
                    await asyncio.sleep(pause)
                await self._pass_gate(job_id, first=first)
        finally:
            self._running.discard(job_id)

    async def _is_answered(self, job_id: UUID, *, first: bool) -> bool:
        """Whether Postgres was there to say whose the job is; then all that follows is done."""
        try:
            await self._pass_gate(job_id, first=first)
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            log.warning("job.claim_failed", job_id=str(job_id), error=type(error).__name__)
            return False
        return True

    async def _pass_gate(self, job_id: UUID, *, first: bool) -> None:
        with structlog.contextvars.bound_contextvars(job_id=str(job_id)):
            prospect = await self.prospect(job_id)
            if prospect is None:
                log.info("job.not_claimed")
                return
            if prospect.lapses:
                log.info("job.suspected", lapses=prospect.lapses)
            async with self.gate.way_of(prospect.lapses):
                await self._attempt(job_id, first=first)

    async def _attempt(self, job_id: UUID, *, first: bool) -> None:
        if self.stopping.is_set():  # while it stood at the gate
            return
        async with self.sessions.begin() as session:
            # From here Postgres's clock may run; while many wait for a connection it must not.
            await session.connection()
            claimed_at = time.monotonic()
            claim = await ClaimRepository(session).claim(job_id, worker=self.worker, lease=LEASE)
            if claim is None:
                log.info("job.not_claimed")
                return
            target = await DocumentRepository(session).target(claim.document_id)
        lease = self.keeper.hold(claim, claimed_at=claimed_at)
        precedence = None if first else self.precedence
        attempt = Attempt(lease, target, self.policy, self.stopping, precedence=precedence)
        with structlog.contextvars.bound_contextvars(
            attempt=claim.attempt,
            dataset_id=str(claim.dataset_id),
            tenant_id=str(claim.tenant_id),
        ):
            log.info("job.claimed", fence=claim.fence, tries=claim.tries)
            try:
                error = await self._supervise(attempt)
                await self._conclude(attempt, error)
            finally:
                self.keeper.let_go(lease)

    async def _supervise(self, attempt: Attempt) -> PipelineError | None:
        """Run the stages until they end, the lease is lost, or the hard limit passes."""
        work = asyncio.ensure_future(self.process(attempt))
        overdue = asyncio.ensure_future(attempt.overdue())
        watches = [
            overdue,
            asyncio.ensure_future(attempt.lease.lost.wait()),
            asyncio.ensure_future(self._asked_to_end(self.stopping)),
            asyncio.ensure_future(self._asked_to_end(attempt.lease.paused)),
        ]
        try:
            await asyncio.wait([work, *watches], return_when=asyncio.FIRST_COMPLETED)
            # Who has another reason to end is not late.
            timed_out = not work.done() and [each for each in watches if each.done()] == [overdue]
            if not work.done():
                work.cancel()
                await asyncio.wait([work], timeout=CANCEL_SECONDS)
            if not work.done():
                # Never seen; but a job must not stand for ever because of a task that does not end.
                log.error("attempt.does_not_end", stage=attempt.tally.stage)
                attempt.lease.is_over = True
                return LeaseLost("The attempt did not end when it was cancelled.")
            return self._read(attempt, work, timed_out=timed_out)
        finally:
            work.cancel()
            for watch in watches:
                watch.cancel()

    async def _asked_to_end(self, asked: asyncio.Event) -> None:
        """Ends when attempts that were asked to end have had enough time to do so themselves."""
        await asked.wait()
        await asyncio.sleep(self.policy.shutdown_grace.total_seconds())

    @staticmethod
    def _read(
        attempt: Attempt, work: asyncio.Future[None], *, timed_out: bool
    ) -> PipelineError | None:
        """How the stages ended, as an error of ours; None if all went well."""
        if not work.cancelled():
            error = work.exception()
            return None if error is None else _ours(error)
        if timed_out:
            return AttemptTimeout("The document took longer than one attempt may last.")
        if attempt.lease.lost.is_set():
            return LeaseLost("The job was cancelled, or somebody else holds it.")
        if attempt.stopping.is_set() or attempt.lease.paused.is_set():
            return Interrupted("The worker stopped, or a pause began, before the attempt ended.")
        # Some library cancelled itself; given back uncharged it would come again without end.
        log.error("attempt.cancelled_itself")
        return InternalError("The attempt ended without a reason of ours; the log has its stage.")

    async def _conclude(self, attempt: Attempt, error: PipelineError | None) -> None:
        """Write how the attempt ended, trying again while Postgres is away and the lease holds."""
        if error is None:
            return  # written together with the switch
        if attempt.lease.is_over:
            await self._settle(attempt)
            return
        if isinstance(error, LeaseLost):
            error = Interrupted("The lease was renewed too late.")
        away = (
            isinstance(error, DependencyError)
            and error.is_away
            and await self.is_away(error.dependency)
        )
        while True:
            is_late = attempt.lease.is_lost
            try:
                # Also when the lease is late by our clock: if the job is ours still, it need not
                # stand until the lease runs out by Postgres's.
                async with self.sessions.begin() as session:
                    await write_verdict(session, attempt, error, away=away)
            except FenceRaised:
                log.info("job.lease_lost", error_code=error.code)
                await self._settle(attempt)
                return
            except (SQLAlchemyError, OSError) as failure:
                if is_late or not is_away(failure):
                    # The lease runs out, and the announcer counts that.
                    log.error("job.verdict_given_up", exc_info=failure)
                    await self._settle(attempt)
                    return
                log.warning("job.verdict_failed", error=type(failure).__name__)
                await asyncio.sleep(VERDICT_PAUSE_SECONDS)
            else:
                if is_late:
                    log.warning("job.lease_late")
                return

    async def _settle(self, attempt: Attempt) -> None:
        """Write down what was paid, and saved, by an attempt that has no say in its job any more.

        A call that is answered later yet is written down by the ledger.
        """
        try:
            async with self.sessions.begin() as session:
                await UsageRepository(session).write([(attempt.claim, attempt.tally.bill)])
        except (SQLAlchemyError, OSError) as error:
            log.warning("usage.write_failed", error=type(error).__name__)


def _ours(error: BaseException) -> PipelineError:
    match error:
        case PipelineError():
            return error
        case FenceRaised():
            return LeaseLost(str(error))
        case SQLAlchemyError() if is_away(error):
            log.warning("attempt.database_error", error=type(error).__name__)
            return DependencyError(
                "The database could not be reached.", dependency=Dependency.DATABASE
            )
        case _:
            log.error("attempt.unexpected_error", exc_info=error)
            return InternalError(
                f"Something unexpected went wrong ({type(error).__name__}); the log has it."
            )
