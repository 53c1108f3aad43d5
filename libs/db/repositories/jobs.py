"""The life of a job after its claim: progress and every way an attempt can end.

Every write after the claim carries its fence. Zero rows updated means that somebody else owns the
job, or that it was cancelled: `FenceRaised`, and the whole transaction goes.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, cast, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import FenceRaised
from db.fingerprints import error_fingerprint
from db.models import (
    Attempt,
    Dataset,
    Document,
    Job,
    Outcome,
    Status,
    WaitingFor,
)
from db.repositories.bell import ring
from db.repositories.claims import Claim, record
from db.repositories.usage import Bill, UsageRepository


@dataclass(slots=True)
class AttemptTally:
    """What an attempt did, for its row in the history."""

    stage: str | None = None
    chunks_embedded: int = 0
    chunks_reused: int = 0
    bill: Bill = field(default_factory=Bill)
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        return self.bill.tokens


class JobRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def progress(
        self,
        claim: Claim,
        *,
        stage: str,
        percent: int,
        chunks_done: int,
        got_further: bool,
        seconds_left: int | None = None,
    ) -> None:
        """Say how far the attempt is; the percentage never falls.

        `got_further`: something was stored that no earlier attempt had stored. Then the patience
        with an unavailable dependency starts anew, and lapses so far were not this document's.
        """
        fresh: dict[str, int | None] = {"waiting_since": None, "dependency_waits": 0, "lapses": 0}
        await self._fenced(
            claim,
            stage=stage,
            progress=func.greatest(Job.progress, percent),
            seconds_left=seconds_left,
            chunks_done=chunks_done,
            **(fresh if got_further else {}),
        )

    async def complete(self, claim: Claim, tally: AttemptTally) -> bool:
        """The index agrees with the object; if news of it came meanwhile the job is due again.

        The caller holds the document's lock. Returns whether the job is finished.
        """
        document = await self._session.get_one(Document, claim.document_id)
        if await self._is_outdated(claim, document.live_etag):
            # If it had gone, it may be there again: not hidden until the next attempt has looked.
            document.removed_at = document.removed_unasked_at = None
            await self.release(claim, tally, newer=True)
            return False
        await self._fenced(
            claim,
            status=Status.COMPLETED,
            progress=100,
            chunks_done=document.chunk_count,
            stage=None,
            dependency=None,
            error_code=None,
            error=None,
            finished_at=func.now(),
            **_ended(claim, tally),
        )
        await self._end_attempt(claim, tally, Outcome.COMPLETED)
        record(self._session, claim, "job.completed", {"chunks": document.chunk_count})
        return True

    async def fail(
        self, claim: Claim, tally: AttemptTally, *, code: str, message: str, etag: str | None
    ) -> bool:
        """No further try will be made of the version `etag`, unless by hand.

        The caller holds the document's lock. If news of the object came meanwhile the job is due
        again instead, with all its tries. Returns whether it failed.
        """
        if await self._is_outdated(claim, etag):
            await self.release(claim, tally, newer=True)
            return False
        document = await self._session.get_one(Document, claim.document_id)
        document.judged_etag = etag
        await self._fenced(
            claim,
            status=Status.FAILED,
            stage=tally.stage,
            error_code=code,
            error=message,
            error_fingerprint=error_fingerprint(code, tally.stage, message),
            finished_at=func.now(),
            **_ended(claim, tally),
        )
        await self._end_attempt(claim, tally, Outcome.FAILED, code=code, message=message)
        record(self._session, claim, "job.failed", {"error_code": code})
        return True

    async def retry_later(
        self,
        claim: Claim,
        tally: AttemptTally,
        *,
        code: str,
        message: str,
        delay: timedelta,
        etag: str | None,
    ) -> None:
        """The try is spent; another is due after `delay`, or at once if the object is news.

        The caller holds the document's lock.
        """
        if await self._is_outdated(claim, etag):
            await self.release(claim, tally, newer=True)
            return
        await self._fenced(
            claim,
            status=Status.QUEUED,
            waiting_for=WaitingFor.RETRY,
            run_after=func.now() + delay,
            announced_at=None,
            error_code=code,
            error=message,
            **_ended(claim, tally),
        )
        await self._end_attempt(claim, tally, Outcome.RETRY, code=code, message=message)
        record(self._session, claim, "job.retrying", {"error_code": code})

    async def wait_for(
        self,
        claim: Claim,
        tally: AttemptTally,
        *,
        waiting_for: WaitingFor,
        dependency: str | None,
        code: str,
        message: str,
        delay: timedelta,
    ) -> None:
        """Something outside the document is in the way; the try is given back."""
        await self._fenced(
            claim,
            status=Status.QUEUED,
            waiting_for=waiting_for,
            dependency=dependency,
            waiting_since=func.coalesce(Job.waiting_since, func.now()),
            dependency_waits=Job.dependency_waits + 1,
            run_after=func.now() + delay,
            announced_at=None,
            tries=Job.tries - 1,
            error_code=code,
            error=message,
            **_ended(claim, tally),
        )
        await self._end_attempt(claim, tally, Outcome.WAITING, code=code, message=message)
        record(self._session, claim, "job.waiting", {"error_code": code})

    async def release(
        self,
        claim: Claim,
        tally: AttemptTally,
        *,
        delay: timedelta = timedelta(0),
        newer: bool = False,
    ) -> None:
        """Give the job back with its try; `newer`: with all of them, for another version."""
        await self._fenced(
            claim,
            status=Status.QUEUED,
            run_after=func.now() + delay,
            announced_at=None,
            tries=0 if newer else Job.tries - 1,
            lapses=0 if newer else Job.lapses,
            **_ended(claim, tally),
        )
        await self._end_attempt(claim, tally, Outcome.RELEASED)
        record(self._session, claim, "job.released", {})
        await ring(self._session)

    async def waited(self, claim: Claim) -> tuple[int, timedelta]:
        """How often and how long this job has waited for dependencies without progress."""
        row = (
            await self._session.execute(
                select(
                    Job.dependency_waits,
                    func.now() - func.coalesce(Job.waiting_since, func.now()),
                ).where(Job.id == claim.job_id)
            )
        ).one()
        waits: int = row[0]
        waited: timedelta = row[1]  # type: ignore[assignment]  # timestamptz minus timestamptz
        return waits, waited

    async def check(self, claim: Claim) -> None:
        """Lock the job for this transaction, and make sure that it is still the attempt's.

        Raises:
            FenceRaised: another attempt owns the job, or it was cancelled.
        """
        await self._fenced(claim)

    async def remove_no_more(self, claim: Claim) -> None:
        """What was to be removed came back: from here on it is a job like others of its dataset,
        which a pause holds back.

        Raises:
            FenceRaised: another attempt owns the job, or it was cancelled.
        """
        priority = select(Dataset.priority).where(Dataset.id == claim.dataset_id)
        await self._fenced(claim, reason="upload", priority=priority.scalar_subquery())

    async def _is_outdated(self, claim: Claim, etag: str | None) -> bool:
        """Whether news came since the claim, of another version than the attempt looked at."""
        seen = await self._session.scalar(select(Job.wanted_seen).where(Job.id == claim.job_id))
        document = await self._session.get_one(Document, claim.document_id)
        return document.wanted != seen and (etag is None or document.event_etag != etag)

    async def _fenced(self, claim: Claim, **values: Any) -> None:
        updated = await self._session.scalar(
            update(Job)
            .where(
                Job.id == claim.job_id, Job.fence == claim.fence, Job.status == Status.PROCESSING
            )
            .values(updated_at=func.now(), **values)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        if updated is None:
            raise FenceRaised(f"Job {claim.job_id} is no longer held with fence {claim.fence}.")

    async def _end_attempt(
        self,
        claim: Claim,
        tally: AttemptTally,
        outcome: Outcome,
        *,
        code: str | None = None,
        message: str | None = None,
    ) -> None:
        # Most of it is there already, but what was saved, and what a write that failed has left.
        # Before the attempt's row: in this order those lock them who write while it runs.
        await UsageRepository(self._session).write([(claim, tally.bill)])
        await self._session.execute(
            update(Attempt)
            .where(Attempt.job_id == claim.job_id, Attempt.fence == claim.fence)
            .values(
                outcome=outcome,
                error_code=code,
                error=message,
                finished_at=func.now(),
                stage=tally.stage,
                tokens=func.greatest(Attempt.tokens, tally.tokens),
                chunks_embedded=tally.chunks_embedded,
                chunks_reused=tally.chunks_reused,
                stage_seconds=tally.stage_seconds,
            )
            .execution_options(synchronize_session=False)
        )


def _ended(claim: Claim, tally: AttemptTally) -> dict[str, Any]:
    """What a job is in whatever way its attempt ends: with nobody, and with what all have paid.

    Lists are ordered by the tokens: they are written with the status, which is in every index, and
    not while an attempt is at work, where each write would otherwise touch them all.
    """
    others = select(func.coalesce(func.sum(Attempt.tokens), 0)).where(
        Attempt.job_id == claim.job_id, Attempt.fence != claim.fence
    )
    recorded = select(Attempt.tokens).where(
        Attempt.job_id == claim.job_id, Attempt.fence == claim.fence
    )
    own = func.greatest(recorded.scalar_subquery(), tally.tokens)
    tokens = others.scalar_subquery() + own
    return {
        "lease_until": None,
        "worker": None,
        "seconds_left": None,
        "tokens": cast(tokens, BigInteger),
    }
