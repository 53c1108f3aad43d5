"""Audits on demand: whichever poller is free claims a run, makes it and writes what it found.

All that a run does is safe to do twice, and what it counts it writes in the transaction that
mends it. So a run whose poller died is simply begun again by another, from the start.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Sessions
from db.errors import FenceRaised
from db.models import AuditKind
from db.repositories.audit_runs import AuditWorkRepository, Progress, RunClaim
from db.repositories.auditing import AuditRepository
from pipeline.errors import DependencyError
from pipeline.policy import Policy
from pipeline.store.object_errors import ObjectStoreMisconfigured
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.auditing.objects import ObjectComparison
from poller.auditing.pace import PAGE
from poller.auditing.report import Report
from poller.auditing.rows import RowComparison
from poller.listener import sleep

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
RENEW_EVERY = timedelta(seconds=8)
# A run whose poller died is noticed by the timer alone: nobody rings for it.
LOOK_WITH_NOTIFY = timedelta(seconds=5)
LOOK_WITHOUT_NOTIFY = timedelta(seconds=1)
DEPENDENCY_DELAY = timedelta(seconds=15)
DEPENDENCY_PATIENCE = timedelta(hours=1)  # somebody waits for the answer
BEGUN_AGAIN_MAX = timedelta(days=1)  # one that kills every poller must end
# Somebody asked for it now: what is young is looked at too. An event that is still on its way
# then finds nothing left to do.
NO_GRACE = timedelta(0)


class AuditRuns:
    """Any number of pollers may have one; each makes one run at a time."""

    def __init__(
        self,
        sessions: Sessions,
        objects: ObjectStore,
        vectors: VectorStore,
        *,
        large_bytes: int,
        news: asyncio.Event,
        hears: bool,
    ) -> None:
        """`news` is set when a run was asked for; if nothing `hears`, a timer must do."""
        self._sessions = sessions
        self._objects = objects
        self._vectors = vectors
        self._large_bytes = large_bytes
        self._news = news
        self._pause = LOOK_WITH_NOTIFY if hears else LOOK_WITHOUT_NOTIFY

    async def run(self, stop: asyncio.Event) -> None:
        """Make runs until `stop`; one that is under way is then left to another poller."""
        while not stop.is_set():
            self._news.clear()
            made = False
            try:
                made = await self.make_one(stop)
            except (SQLAlchemyError, OSError) as error:
                log.warning("audit_run.failed", error=type(error).__name__)
            except Exception as error:
                # The other parts of the poller must not end with this one.
                log.exception("audit_run.unexpected_error", error=type(error).__name__)
            if not made:
                await sleep(self._pause.total_seconds(), stop, self._news)

    async def make_one(self, stop: asyncio.Event) -> bool:
        """Claim a run and make it; False if none was to be had."""
        async with self._sessions.begin() as session:
            claim = await AuditWorkRepository(session).claim(lease=LEASE)
        if claim is None:
            return False
        with structlog.contextvars.bound_contextvars(
            audit_id=str(claim.run_id), tenant_id=str(claim.tenant_id)
        ):
            log.info("audit_run.claimed", kind=claim.kind.value, dry_run=claim.dry_run)
            try:
                if claim.begun_for > BEGUN_AGAIN_MAX:
                    raise TimeoutError("begun again and again for too long")
                await self._make(claim, stop)
            except FenceRaised:
                log.warning("audit_run.lost")
            except Exception as error:
                await self._give_back(claim, error)
        return True

    async def _make(self, claim: RunClaim, stop: asyncio.Event) -> None:
        """Compare until the end, unless the lease is lost first, or the poller stops."""
        work = asyncio.ensure_future(self._compare(claim))
        keeping = asyncio.ensure_future(self._keep(claim))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({work, keeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() or keeping.done():
                await (work if work.done() else keeping)
                return
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            async with self._sessions.begin() as session:
                await AuditWorkRepository(session).release(claim)
            log.info("audit_run.released")
        finally:
            for task in (work, keeping, stopping):
                task.cancel()
            await asyncio.gather(work, keeping, stopping, return_exceptions=True)

    async def _keep(self, claim: RunClaim) -> None:
        """Renew the lease; returns never, raises when it cannot."""
        while True:
            await asyncio.sleep(RENEW_EVERY.total_seconds())
            async with self._sessions.begin() as session:
                await AuditWorkRepository(session).renew(claim, lease=LEASE)

    async def _compare(self, claim: RunClaim) -> None:
        progress = Progress(findings=claim.repaired)
        report = RunReport(claim, progress)
        objects = ObjectComparison(
            self._sessions,
            self._objects,
            report,
            grace=NO_GRACE,
            large_bytes=self._large_bytes,
            policy=Policy(),
            dry_run=claim.dry_run,
        )
        rows = RowComparison(
            self._sessions,
            self._vectors,
            report,
            grace=NO_GRACE,
            large_bytes=self._large_bytes,
            dry_run=claim.dry_run,
        )
        spaces = await self._spaces(claim) if claim.kind is AuditKind.AUDIT else []
        async for dataset_id in self._datasets(claim):
            await objects.dataset(dataset_id)
            for space in spaces:
                await rows.space(space, dataset_id=dataset_id)
        async with self._sessions.begin() as session:
            await AuditWorkRepository(session).finish(claim, progress)
        log.info(
            "audit_run.completed",
            objects=progress.objects_seen,
            rows=progress.rows_seen,
            found={kind.value: tally.found for kind, tally in progress.findings.items()},
        )

    async def _spaces(self, claim: RunClaim) -> list[str]:
        async with self._sessions() as session:
            searched = await AuditRepository(session).live_spaces(tenant_id=claim.tenant_id)
        # Also those that should be there: a collection may be gone as a whole.
        return sorted({*await self._vectors.spaces(), *searched})

    async def _datasets(self, claim: RunClaim) -> AsyncIterator[UUID]:
        if claim.dataset_id is not None:
            yield claim.dataset_id
            return
        after: UUID | None = None
        while True:
            async with self._sessions() as session:
                page = await AuditRepository(session).datasets(
                    claim.tenant_id, after=after, limit=PAGE
                )
            for dataset_id in page:
                yield dataset_id
            if len(page) < PAGE:
                return
            after = page[-1]

    async def _give_back(self, claim: RunClaim, error: Exception) -> None:
        """Begin again in a while if that can help; else say why it failed."""
        away = isinstance(error, (DependencyError, SQLAlchemyError, OSError))
        patient = claim.begun_for < DEPENDENCY_PATIENCE
        code = error.code if isinstance(error, DependencyError) else "internal_error"
        message = error.message if isinstance(error, DependencyError) else "See the poller's log."
        async with self._sessions.begin() as session:
            runs = AuditWorkRepository(session)
            if away and patient and not isinstance(error, ObjectStoreMisconfigured):
                log.warning("audit_run.waiting", error_code=code, error=type(error).__name__)
                await runs.release(claim, error=f"{code}: {message}", delay=DEPENDENCY_DELAY)
            else:
                log.error("audit_run.given_up", error_code=code, exc_info=error)
                await runs.finish(claim, None, error=f"{code}: {message}")


class RunReport(Report):
    """Writes to the run's row, so a poller that lost the run to another repairs nothing more."""

    def __init__(self, claim: RunClaim, progress: Progress) -> None:
        super().__init__(progress)
        self._claim = claim

    async def save(self, session: AsyncSession) -> None:
        await AuditWorkRepository(session).note(self._claim, self.progress)
