"""Failed jobs as a work list, and orders to all jobs that match a filter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from api.auth import Caller, may_write
from api.bulk_requests import CancelJobs, RetryJobs
from api.errors import ReadOnlyKey
from api.limits import Limits
from api.orders import Orders
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Limit
from api.views import CancelledView
from db.repositories.failures import FailureGroup, FailureRepository


@dataclass(frozen=True, slots=True)
class FailureGroupView:
    """Failures of one kind: of one code and stage, with texts that differ in numbers and names
    only. `message` and `task_id` are those of the latest."""

    fingerprint: str | None
    error_code: str
    stage: str | None
    message: str
    job_count: int
    document_count: int
    first_at: datetime
    latest_at: datetime
    task_id: UUID

    @classmethod
    def of(cls, group: FailureGroup) -> Self:
        return cls(
            fingerprint=group.fingerprint,
            error_code=group.error_code,
            stage=group.stage,
            message=group.message,
            job_count=group.jobs,
            document_count=group.documents,
            first_at=group.first_at,
            latest_at=group.latest_at,
            task_id=group.job_id,
        )


@dataclass(frozen=True, slots=True)
class FailuresView:
    """The most frequent kinds first; `more` says that there are others."""

    items: list[FailureGroupView]
    more: bool


@dataclass(frozen=True, slots=True)
class RetriedView:
    """Of `matched` jobs, `retried` were queued, or would be in a dry run. `skipped` are those whose
    document is worked on or was indexed since. `remaining` are left: send the order once more.
    `last_due_at` is when the last one becomes due."""

    dry_run: bool
    matched: int
    retried: int
    skipped: int
    remaining: int
    last_due_at: datetime | None


@get("/failures", summary="List failures by kind", responses=documented())
async def list_failures(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    dataset_id: Annotated[UUID | None, QueryParameter(description="Of this dataset.")] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> FailuresView:
    """What there is to mend. A failure leaves the list when a later job has indexed its document,
    or when the document is deleted. The `fingerprint` is a filter for jobs and for a retry."""
    async with resources.sessions() as session:
        groups = await FailureRepository(session, caller.tenant_id).groups(
            dataset_id=dataset_id, limit=limit + 1
        )
    return FailuresView(
        [FailureGroupView.of(group) for group in groups[:limit]], len(groups) > limit
    )


@post(
    "/retry",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Retry all jobs that match",
    responses=documented(ReadOnlyKey, takes_body=True, takes_key=True),
)
async def retry_jobs(
    data: JSONBody[RetryJobs],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> RetriedView:
    """Queues failed jobs anew, with all their tries; of a document the latest alone. A pace spreads
    them, so that what was down is not overrun. One request works for a bounded time."""
    orders = Orders(resources.sessions, caller, time=limits.order_time)
    wanted = data.wanted()
    if data.dry_run:
        matched, ready = await orders.count_retryable(wanted)
        return RetriedView(True, matched, ready, matched - ready, 0, None)
    done = await orders.retry(
        wanted,
        target=wanted.dataset_id or caller.tenant_id,
        per_minute=data.per_minute,
        begin_at=data.begin_at,
    )
    return RetriedView(
        False, done.matched, done.jobs, done.skipped, done.remaining, done.last_due_at
    )


@post(
    "/cancel",
    guards=[may_write],
    status_code=HTTP_200_OK,
    summary="Cancel all jobs that match",
    responses=documented(ReadOnlyKey, takes_body=True, takes_key=True),
)
async def cancel_jobs(
    data: JSONBody[CancelJobs],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> CancelledView:
    """Cancels unfinished jobs, those at work first. Removals of deleted documents go on. One
    request works for a bounded time."""
    orders = Orders(resources.sessions, caller, time=limits.order_time)
    wanted = data.wanted()
    if data.dry_run:
        return CancelledView(True, await orders.count_cancellable(wanted), 0)
    done = await orders.cancel(wanted, target=wanted.dataset_id or caller.tenant_id)
    return CancelledView(False, done.jobs, done.remaining)


router = Router("/jobs", route_handlers=[list_failures, retry_jobs, cancel_jobs], tags=["Jobs"])
