"""The life of a job: claim, progress and every way an attempt can end.

Every write after the claim carries its fence. Zero rows updated means that somebody else owns the
job, or that it was cancelled: `FenceRaised`, and the whole transaction goes.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import FenceRaised
from db.fingerprints import error_fingerprint
from db.models import (
    Attempt,
    Dataset,
    Document,
    Event,
    Job,
    Outcome,
    Status,
    Tenant,
    Usage,
    WaitingFor,
)
from db.repositories.bell import ring
from db.repositories.pauses import held_back


@dataclass(frozen=True, slots=True)
class Claim:
    """A job leased to one attempt; `fence` is what its writes must carry."""

    job_id: UUID
    fence: int
    attempt: int
    tries: int
    tenant_id: UUID
    dataset_id: UUID
    document_id: UUID


@dataclass(slots=True)
class AttemptTally:
    """What an attempt did, for its row in the history."""

    stage: str | None = None
    tokens: int = 0
    chunks_embedded: int = 0
    chunks_reused: int = 0
    model: str | None = None  # what the tokens were paid for
    cost: Decimal | None = None  # US dollars; None: no price is configured
    stage_seconds: dict[str, float] = field(default_factory=dict)


class JobRepository:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lapses(self, job_id: UUID) -> int | None:
        """How often a lease of this job ran out; None if the job is not queued."""
        return await self._session.scalar(
            select(Job.lapses).where(Job.id == job_id, Job.status == Status.QUEUED)
        )

    async def claim(self, job_id: UUID, *, worker: str, lease: timedelta) -> Claim | None:
        """Lease a due job to one attempt; None if it is finished, not due, or leased."""
        row = (
            await self._session.execute(
                update(Job)
                .where(
                    Job.id == job_id,
                    Job.status == Status.QUEUED,
                    Job.run_after <= func.now(),
                    Document.id == Job.document_id,
                    Dataset.id == Job.dataset_id,
                    Tenant.id == Job.tenant_id,
                    ~held_back(),  # announced before the pause
                )
                .values(
                    status=Status.PROCESSING,
                    waiting_for=None,
                    fence=Job.fence + 1,  # never reset: whoever holds an older one writes nothing
                    tries=Job.tries + 1,  # charged before the work, so that a kill -9 counts
                    attempts=Job.attempts + 1,
                    lease_until=func.now() + lease,
                    worker=worker,
                    wanted_seen=Document.wanted,
                    started_at=func.coalesce(Job.started_at, func.now()),
                    updated_at=func.now(),
                )
                .returning(
                    Job.fence,
                    Job.attempts,
                    Job.tries,
                    Job.tenant_id,
                    Job.dataset_id,
                    Job.document_id,
                )
                .execution_options(synchronize_session=False)
            )
        ).one_or_none()
        if row is None:
            return None
        claim = Claim(job_id, *row)
        self._session.add(
            Attempt(job_id=job_id, number=claim.attempt, fence=claim.fence, worker=worker)
        )
        self._record(claim, "job.claimed", {"attempt": claim.attempt, "worker": worker})
        return claim

    async def renew(self, claims: dict[UUID, int], *, lease: timedelta) -> set[UUID]:
        """Extend the leases of these jobs (id to fence) at once; returns those still held."""
        mine = (
            select(Job.id)
            .where(tuple_(Job.id, Job.fence).in_(claims.items()), Job.status == Status.PROCESSING)
            .order_by(Job.id)  # as everybody locks jobs
            .with_for_update(key_share=True)
        )
        rows = await self._session.scalars(
            update(Job)
            .where(Job.id.in_(mine))
            .values(lease_until=func.now() + lease)
            .returning(Job.id)
            .execution_options(synchronize_session=False)
        )
        return set(rows)

    async def held(self, claims: dict[UUID, int]) -> set[UUID]:
        """Which of these jobs (id to fence) are still the caller's."""
        rows = await self._session.scalars(
            select(Job.id).where(
                tuple_(Job.id, Job.fence).in_(claims.items()), Job.status == Status.PROCESSING
            )
        )
        return set(rows)

    async def paused(self, job_ids: Collection[UUID]) -> set[UUID]:
        """Which of these jobs a pause should end for now."""
        rows = await self._session.scalars(
            select(Job.id)
            .join(Dataset, Dataset.id == Job.dataset_id)
            .join(Tenant, Tenant.id == Job.tenant_id)
            .where(Job.id.in_(job_ids), held_back())
        )
        return set(rows)

    async def progress(
        self,
        claim: Claim,
        *,
        stage: str,
        percent: int,
        chunks_done: int,
        tokens: int,
        got_further: bool,
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
            chunks_done=chunks_done,
            tokens=func.greatest(Job.tokens, tokens),
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
            **_UNLEASED,
        )
        await self._end_attempt(claim, tally, Outcome.COMPLETED)
        self._record(claim, "job.completed", {"chunks": document.chunk_count})
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
            **_UNLEASED,
        )
        await self._end_attempt(claim, tally, Outcome.FAILED, code=code, message=message)
        self._record(claim, "job.failed", {"error_code": code})
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
            **_UNLEASED,
        )
        await self._end_attempt(claim, tally, Outcome.RETRY, code=code, message=message)
        self._record(claim, "job.retrying", {"error_code": code})

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
            **_UNLEASED,
        )
        await self._end_attempt(claim, tally, Outcome.WAITING, code=code, message=message)
        self._record(claim, "job.waiting", {"error_code": code})

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
            **_UNLEASED,
        )
        await self._end_attempt(claim, tally, Outcome.RELEASED)
        self._record(claim, "job.released", {})
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
        await self._session.execute(
            update(Attempt)
            .where(Attempt.job_id == claim.job_id, Attempt.fence == claim.fence)
            .values(
                outcome=outcome,
                error_code=code,
                error=message,
                finished_at=func.now(),
                stage=tally.stage,
                tokens=tally.tokens,
                chunks_embedded=tally.chunks_embedded,
                chunks_reused=tally.chunks_reused,
                stage_seconds=tally.stage_seconds,
            )
            .execution_options(synchronize_session=False)
        )

        paid = select(func.coalesce(func.sum(Attempt.tokens), 0)).where(
            Attempt.job_id == claim.job_id
        )
        await self._session.execute(
            update(Job)
            .where(Job.id == claim.job_id)
            .values(tokens=paid.scalar_subquery())
            .execution_options(synchronize_session=False)
        )
        if tally.tokens and tally.model:
            # Well or badly ended, its tokens are paid; a killed attempt writes nothing.
            self._session.add(
                Usage(
                    tenant_id=claim.tenant_id,
                    dataset_id=claim.dataset_id,
                    document_id=claim.document_id,
                    job_id=claim.job_id,
                    model=tally.model,
                    tokens=tally.tokens,
                    cost=tally.cost,
                )
            )

    def _record(self, claim: Claim, kind: str, data: dict[str, Any]) -> None:
        self._session.add(
            Event(
                tenant_id=claim.tenant_id,
                dataset_id=claim.dataset_id,
                document_id=claim.document_id,
                job_id=claim.job_id,
                kind=kind,
                data=data,
            )
        )


_UNLEASED: dict[str, Any] = {"lease_until": None, "worker": None}
