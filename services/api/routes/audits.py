"""Audits on demand: what was asked for, how far it is, and what it found."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.status_codes import HTTP_202_ACCEPTED
from pydantic import BeforeValidator, Field

from api.auth import Caller, may_write
from api.cursors import decode_cursor
from api.errors import ReadOnlyKey
from api.idempotency import Once
from api.problems import documented
from api.requests import Body, as_uuid, with_example
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, Limit
from api.views import Page
from db.errors import AuditNotFound, DatasetNotFound
from db.models import AuditKind, AuditRun, AuditStatus
from db.repositories.audit_log import AuditLogRepository
from db.repositories.audit_runs import AuditRunRepository, Finding, Tally, findings_of
from db.repositories.datasets import DatasetRepository

OF_OBJECTS = (Finding.LOST_EVENT, Finding.VANISHED_OBJECT, Finding.SUSPICIOUS)

AuditId = Annotated[UUID, PathParameter(description="The `id` of an audit.")]
DryRun = Annotated[bool, Field(description="Count what would be done, and do nothing.")]


class RequestAudit(Body):
    """What to compare: one dataset, or all of the tenant's."""

    model_config = with_example(dry_run=True)

    dataset_id: Annotated[UUID | None, BeforeValidator(as_uuid)] = None
    dry_run: DryRun = False


class RequestSync(Body):
    """How to go about it; may be left out."""

    model_config = with_example(dry_run=True)

    dry_run: DryRun = False


@dataclass(frozen=True, slots=True)
class FindingView:
    """Documents on which this was found. `repaired` are those for which a job or a purge is under
    way by now; `examples` are object keys, or document ids where there is no document."""

    found: int
    repaired: int
    examples: list[str]


@dataclass(frozen=True, slots=True)
class AuditView:
    """A comparison of bucket, tables and index (`audit`), or of bucket and tables (`sync`).

    `findings` has every kind that it looks for. `suspicious` are documents whose objects seem
    gone, but too many at once, or all of them: nothing is removed then. `error` is why it waits,
    while queued, or why it failed.
    """

    id: UUID
    kind: AuditKind
    dataset_id: UUID | None
    dry_run: bool
    status: AuditStatus
    objects_seen: int
    rows_seen: int
    findings: dict[str, FindingView]
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: AuditRun) -> Self:
        kind, found = AuditKind(run.kind), findings_of(run)
        looked_for = OF_OBJECTS if kind is AuditKind.SYNC else tuple(Finding)
        tallies = {finding: found.get(finding, Tally()) for finding in looked_for}
        return cls(
            id=run.id,
            kind=kind,
            dataset_id=run.dataset_id,
            dry_run=run.dry_run,
            status=AuditStatus(run.status),
            objects_seen=run.objects_seen,
            rows_seen=run.rows_seen,
            findings={
                finding.value: FindingView(tally.found, tally.repaired, tally.examples)
                for finding, tally in tallies.items()
            },
            error=run.error,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
        )


@post(
    "/audits",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Compare and repair now",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True, takes_key=True),
)
async def request_audit(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    once: NamedDependency[Once],
    data: JSONBody[RequestAudit | None] = None,
) -> AuditView:
    """A poller compares objects, documents and vectors, and repairs what differs: lost events,
    vanished objects, orphaned, missing and miscounted rows. Ask for the answer's `id` until it is
    `completed`. An audit like it that has not begun is answered instead of a new one."""
    wanted = data or RequestAudit()
    return await _ask(
        (caller, resources, once),
        AuditKind.AUDIT,
        dataset_id=wanted.dataset_id,
        dry_run=wanted.dry_run,
    )


@post(
    "/datasets/{dataset_id:uuid}/sync",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Take in what lies in the bucket",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True, takes_key=True),
)
async def request_sync(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    once: NamedDependency[Once],
    data: JSONBody[RequestSync | None] = None,
) -> AuditView:
    """Makes a job for every object below the dataset's prefix that is not indexed in its present
    version, and for every document whose object is gone. For a bucket that was filled before its
    events were set up; a dry run only counts. The answer is to be found among the audits."""
    wanted = data or RequestSync()
    return await _ask(
        (caller, resources, once), AuditKind.SYNC, dataset_id=dataset_id, dry_run=wanted.dry_run
    )


@get("/audits", summary="List audits", responses=documented())
async def list_audits(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AuditView]:
    """Those that were asked for, syncs included, newest first."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        rows = await AuditRunRepository(session, caller.tenant_id).page(
            before=before, limit=limit + 1
        )
    return Page.of(rows, limit, view=AuditView.of, key=lambda run: run.id)


@get("/audits/{audit_id:uuid}", summary="Get an audit", responses=documented(AuditNotFound))
async def get_audit(
    audit_id: AuditId, caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> AuditView:
    """How far it is and what it has found so far."""
    async with resources.sessions() as session:
        return AuditView.of(await AuditRunRepository(session, caller.tenant_id).get(audit_id))


async def _ask(
    given: tuple[Caller, Resources, Once],
    kind: AuditKind,
    *,
    dataset_id: UUID | None,
    dry_run: bool,
) -> AuditView:
    caller, resources, once = given
    async with resources.sessions.begin() as session:
        if dataset_id is not None:
            await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        run = await AuditRunRepository(session, caller.tenant_id).add(
            kind, dataset_id=dataset_id, dry_run=dry_run
        )
        AuditLogRepository(session).record(
            caller, f"{kind.value}.requested", run.id, dry_run=dry_run
        )
        view = AuditView.of(run)
        await once.keep(session, view, status=HTTP_202_ACCEPTED)
    return view


router = Router(
    "/",
    route_handlers=[request_audit, request_sync, list_audits, get_audit],
    tags=["Audits"],
)
