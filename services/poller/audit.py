"""The continuous audit: R2, Postgres and Milvus are compared, slowly and for ever, and mended.

Events can be lost on their way and nothing says that they never are. A missed event becomes a job;
rows that belong to nothing live are purged after a second look; a live document that misses rows
is built anew. A verdict (`failed`, `cancelled`) on the same object version is never reopened.
"""

import asyncio
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories.audit_runs import Finding
from db.repositories.auditing import AuditRepository
from pipeline.errors import DependencyError, code_of
from pipeline.policy import Policy
from pipeline.store.object_errors import ObjectStoreMisconfigured
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.auditing.objects import ObjectComparison
from poller.auditing.report import Report
from poller.auditing.rows import RowComparison
from poller.auditing.suspects import Suspects

log = structlog.get_logger(__name__)

DRIFT = Counter("sluice_audit_drift", "Documents on which the audit found a difference", ["kind"])
LAST_RUN = Gauge("sluice_audit_last_run_timestamp", "When the audit last came to its end")

FIRST_RUN_AFTER = timedelta(seconds=30)


class Metered(Report):
    def add(self, finding: Finding, example: str, *, repaired: bool) -> None:
        super().add(finding, example, repaired=repaired)
        DRIFT.labels(finding.value).inc()


class Audit:
    """Two pollers may audit at once: all that it does is safe to do twice."""

    def __init__(
        self,
        sessions: Sessions,
        objects: ObjectStore,
        vectors: VectorStore,
        *,
        every: timedelta,
        grace: timedelta,
        large_bytes: int,
    ) -> None:
        """`grace`: younger objects are left to their events, suspect rows get a second look."""
        self._sessions = sessions
        self._objects = objects
        self._vectors = vectors
        self._every = every
        self._grace = grace
        self._large_bytes = large_bytes
        self._suspects = Suspects(grace)

    async def run(self, stop: asyncio.Event) -> None:
        pause = min(FIRST_RUN_AFTER, self._every)
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), pause.total_seconds())
                return
            except TimeoutError:
                pause = self._every
            try:
                await self.round()
            except ObjectStoreMisconfigured as error:
                log.error("audit.misconfigured", error=error.message)
            except (SQLAlchemyError, OSError, DependencyError) as error:
                log.warning("audit.failed", error=type(error).__name__, code=code_of(error))
            except Exception as error:
                # The other parts of the poller must not end with this one.
                log.exception("audit.unexpected_error", error=type(error).__name__)

    async def round(self) -> None:
        """One comparison from end to end."""
        report = Metered()
        objects = ObjectComparison(
            self._sessions,
            self._objects,
            report,
            grace=self._grace,
            large_bytes=self._large_bytes,
            policy=Policy(),
        )
        await objects.everything()
        rows = RowComparison(
            self._sessions,
            self._vectors,
            report,
            grace=self._grace,
            large_bytes=self._large_bytes,
            suspects=self._suspects,
        )
        async with self._sessions() as session:
            searched = await AuditRepository(session).live_spaces()
        self._suspects.begin()
        # Also those that should be there: a collection may be gone as a whole.
        for space in sorted({*await self._vectors.spaces(), *searched}):
            await rows.space(space)
        self._suspects.end()
        LAST_RUN.set_to_current_time()
        seen = report.progress
        log.info("audit.finished", objects=seen.objects_seen, rows=seen.rows_seen)
