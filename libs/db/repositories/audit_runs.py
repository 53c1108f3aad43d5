"""Comparisons that somebody asked for: noted here by the API, made by whichever poller is free.

A run is claimed like a job: one conditional UPDATE on the database's clock, a lease that is
renewed while the poller works, a fence that every later write carries. What was mended is counted
in the transaction that made its job, so a run that dies halfway and begins again counts it once.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, func, or_, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.errors import AuditNotFound, FenceRaised
from db.ids import uuid7
from db.models import AuditKind, AuditRun, AuditStatus

AUDITS_CHANNEL = "sluice_audits"  # a run was asked for
EXAMPLES_MAX = 10  # of one kind: enough to see what it is about
UNFINISHED = (AuditStatus.QUEUED, AuditStatus.RUNNING)


class Finding(StrEnum):
    """A way in which bucket, tables and index can disagree; counted in documents."""

    LOST_EVENT = "lost_event"  # an object, or a version of it, that nobody was told of
    VANISHED_OBJECT = "vanished_object"  # searchable, but its object is gone
    SUSPICIOUS = "suspicious"  # so would be these, but too many at once: left alone
    ORPHAN_ROWS = "orphan_rows"  # rows that no search will ever show
    MISSING_ROWS = "missing_rows"  # searchable, but without a single row
    WRONG_COUNT = "wrong_count"  # searchable, with too few rows or too many


@dataclass(slots=True)
class Tally:
    """How many findings of one kind there are, and for how many the repair is under way."""

    found: int = 0
    repaired: int = 0
    examples: list[str] = field(default_factory=list)  # object keys, or ids of documents


Findings = dict[Finding, Tally]


@dataclass(slots=True)
class Progress:
    """What a run has looked at and found so far."""

    objects_seen: int = 0
    rows_seen: int = 0
    findings: Findings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunClaim:
    """A poller's right to make one run."""

    run_id: UUID
    fence: int
    tenant_id: UUID
    dataset_id: UUID | None
    kind: AuditKind
    dry_run: bool
    begun_for: timedelta  # since a poller took the run up for the first time
    repaired: Findings  # by earlier claims


class AuditRunRepository:
    """What the API sees of a tenant's runs; another tenant's do not exist."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id

    async def add(self, kind: AuditKind, *, dataset_id: UUID | None, dry_run: bool) -> AuditRun:
        """Ask for a run of the tenant's dataset, or of all; one that nobody has begun is reused."""
        run = await self._session.scalar(
            select(AuditRun)
            .where(
                AuditRun.tenant_id == self._tenant_id,
                AuditRun.kind == kind,
                AuditRun.dataset_id.is_not_distinct_from(dataset_id),
                AuditRun.dry_run == dry_run,
                AuditRun.status == AuditStatus.QUEUED,
            )
            .limit(1)
        )
        if run is None:
            run = AuditRun(
                id=uuid7(),
                tenant_id=self._tenant_id,
                dataset_id=dataset_id,
                kind=kind,
                dry_run=dry_run,
                status=AuditStatus.QUEUED,
            )
            self._session.add(run)
            await self._session.flush()
            await self._session.refresh(run)
        await _ring(self._session)
        return run

    async def get(self, run_id: UUID) -> AuditRun:
        """
        Raises:
            AuditNotFound: the tenant has no such run.
        """
        run = await self._session.scalar(
            select(AuditRun).where(AuditRun.id == run_id, AuditRun.tenant_id == self._tenant_id)
        )
        if run is None:
            raise AuditNotFound(run_id)
        return run

    async def page(self, *, before: UUID | None, limit: int) -> list[AuditRun]:
        """The newest first; `before` is the last id of the page before."""
        query = (
            select(AuditRun)
            .where(AuditRun.tenant_id == self._tenant_id)
            .order_by(AuditRun.id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(AuditRun.id < before)
        return list(await self._session.scalars(query))


class AuditWorkRepository:
    """What a poller does to runs, whosever they are."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def claim(self, *, lease: timedelta) -> RunClaim | None:
        """Lease the oldest run that is held by nobody; None if there is none.

        What earlier claims found but did not mend is found again, so only the rest is kept.
        """
        candidate = (
            select(AuditRun.id)
            .where(
                AuditRun.status.in_(UNFINISHED),
                or_(AuditRun.lease_until.is_(None), AuditRun.lease_until < func.now()),
            )
            .order_by(AuditRun.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        row = (
            await self._session.execute(
                update(AuditRun)
                .where(AuditRun.id == candidate)
                .values(
                    status=AuditStatus.RUNNING,
                    fence=AuditRun.fence + 1,
                    lease_until=func.now() + lease,
                    started_at=func.coalesce(AuditRun.started_at, func.now()),
                    objects_seen=0,
                    rows_seen=0,
                )
                .returning(AuditRun, type_coerce(func.now() - AuditRun.started_at, Interval))
                .execution_options(synchronize_session=False)
            )
        ).one_or_none()
        if row is None:
            return None
        run, begun_for = row
        return RunClaim(
            run_id=run.id,
            fence=run.fence,
            tenant_id=run.tenant_id,
            dataset_id=run.dataset_id,
            kind=AuditKind(run.kind),
            dry_run=run.dry_run,
            begun_for=begun_for,
            repaired=_repaired(findings_of(run)),
        )

    async def renew(self, claim: RunClaim, *, lease: timedelta) -> None:
        """
        Raises:
            FenceRaised: the run is another poller's by now.
        """
        await self._write(claim, lease_until=func.now() + lease)

    async def note(self, claim: RunClaim, progress: Progress) -> None:
        """Write how far the run is.

        Raises:
            FenceRaised: the run is another poller's by now.
        """
        await self._write(claim, **_columns(progress))

    async def finish(
        self, claim: RunClaim, progress: Progress | None, *, error: str | None = None
    ) -> None:
        """End the run: completed, or failed with a sentence for people.

        Raises:
            FenceRaised: the run is another poller's by now.
        """
        await self._write(
            claim,
            **({} if progress is None else _columns(progress)),
            status=AuditStatus.COMPLETED if error is None else AuditStatus.FAILED,
            error=error,
            finished_at=func.now(),
            lease_until=None,
        )

    async def release(
        self, claim: RunClaim, *, error: str | None = None, delay: timedelta = timedelta(0)
    ) -> None:
        """Let any poller begin it again, not before `delay`.

        Raises:
            FenceRaised: the run is another poller's by now.
        """
        await self._write(
            claim, status=AuditStatus.QUEUED, error=error, lease_until=func.now() + delay
        )
        await _ring(self._session)

    async def _write(self, claim: RunClaim, **values: Any) -> None:
        written = await self._session.scalar(
            update(AuditRun)
            .where(
                AuditRun.id == claim.run_id,
                AuditRun.fence == claim.fence,
                AuditRun.status == AuditStatus.RUNNING,
            )
            .values(**values)
            .returning(AuditRun.id)
            .execution_options(synchronize_session=False)
        )
        if written is None:
            raise FenceRaised("the audit is another poller's")


def findings_of(run: AuditRun) -> Findings:
    """What a run has found, by kind."""
    return {
        Finding(kind): Tally(
            found=int(tally["found"]),
            repaired=int(tally["repaired"]),
            examples=list(tally["examples"]),
        )
        for kind, tally in run.findings.items()
    }


async def _ring(session: AsyncSession) -> None:
    await session.execute(select(func.pg_notify(AUDITS_CHANNEL, "")))


def _repaired(findings: Findings) -> Findings:
    return {
        kind: Tally(tally.repaired, tally.repaired, tally.examples[: tally.repaired])
        for kind, tally in findings.items()
        if tally.repaired
    }


def _columns(progress: Progress) -> dict[str, Any]:
    return {
        "objects_seen": progress.objects_seen,
        "rows_seen": progress.rows_seen,
        "findings": {
            kind.value: {
                "found": tally.found,
                "repaired": tally.repaired,
                "examples": tally.examples,
            }
            for kind, tally in progress.findings.items()
        },
    }
