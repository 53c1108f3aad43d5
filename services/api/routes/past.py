"""What happened: the events of one job, and who did what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.auth import Caller
from api.cursors import decode_cursor, decode_number, encode_number
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import Cursor, Limit, TaskId
from api.views import Page
from db.errors import JobNotFound
from db.models import Event
from db.repositories.audit_log import AuditLogReader, AuditRow
from db.repositories.job_history import JobHistoryRepository

ACTION_FORMAT = r"^[a-z_]{1,40}\.[a-z_]{1,40}$"
DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class TimelineItemView:
    """A change of a job. `kind` is `job.claimed`, `job.retrying` and the like; what `data` holds
    depends on it."""

    at: datetime
    kind: str
    data: dict[str, Any]

    @classmethod
    def of(cls, event: Event) -> Self:
        return cls(event.created_at, event.kind, event.data)


@dataclass(frozen=True, slots=True)
class ActorView:
    """The API key that acted."""

    name: str
    prefix: str


@dataclass(frozen=True, slots=True)
class AuditEntryView:
    """Something that was done: `action` is noun.verb, `target` the id of what it was done to."""

    id: UUID
    at: datetime
    action: str
    target: str
    key: ActorView | None
    data: dict[str, Any]

    @classmethod
    def of(cls, row: AuditRow) -> Self:
        entry = row.entry
        named = row.key_name is not None and row.key_prefix is not None
        return cls(
            id=entry.id,
            at=entry.created_at,
            action=entry.action,
            target=entry.target,
            key=ActorView(row.key_name or "", row.key_prefix or "") if named else None,
            data=entry.data,
        )


@get(
    "/jobs/{task_id:uuid}/timeline",
    summary="What happened to a job",
    responses=documented(JobNotFound),
    tags=["Jobs"],
)
async def job_timeline(
    task_id: TaskId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[TimelineItemView]:
    """Every change of its state, the first one first."""
    after = 0 if cursor is None else decode_number(cursor)
    async with resources.sessions() as session:
        history = JobHistoryRepository(session, caller.tenant_id)
        await history.get(task_id)
        events = await history.events(task_id, after=after, limit=limit + 1)
    shown = events[:limit]
    more = len(events) > limit
    return Page(
        [TimelineItemView.of(event) for event in shown],
        encode_number(shown[-1].id) if more else None,
    )


@get("/audit-log", summary="Who did what", responses=documented(), tags=["Tenant"])
async def list_audit_log(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    action: Annotated[
        str | None, QueryParameter(pattern=ACTION_FORMAT, description="Such as `job.retried`.")
    ] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AuditEntryView]:
    """Of the tenant, newest first: logins too, and which key it was."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        rows = await AuditLogReader(session, caller.tenant_id).page(
            action=action, before=before, limit=limit + 1
        )
    return Page.of(rows, limit, view=AuditEntryView.of, key=lambda row: row.entry.id)


router = Router("/", route_handlers=[job_timeline, list_audit_log])
