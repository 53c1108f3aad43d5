"""Messages of the queue that made no job, for those who run the deployment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from litestar import Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.status_codes import HTTP_202_ACCEPTED

from api.auth import Caller, may_operate
from api.cursors import decode_cursor
from api.errors import OperatorOnly
from api.limits import Limits
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, Limit
from api.views import Page
from db.errors import MessageConflict, MessageNotFound
from db.repositories.audit_log import AuditLogRepository
from db.repositories.quarantine import QuarantineRepository, QuarantineRow
from pipeline.events import ForeignEvent, read_message

LISTED_BODY_CHARS = 500  # an event has some 300

MessageId = Annotated[UUID, PathParameter(description="The `id` of a message in quarantine.")]


@dataclass(frozen=True, slots=True)
class QuarantineItemView:
    """A message and why it made no job.

    `body` is its beginning as the queue delivered it, mostly in base64, `size` the bytes of all of
    that.
    """

    id: UUID
    queue: str
    reason: str
    body: str
    size: int
    received_at: datetime
    replayed_at: datetime | None

    @classmethod
    def of(cls, row: QuarantineRow) -> Self:
        return cls(
            id=row.id,
            queue=row.queue,
            reason=row.reason,
            body=row.body,
            size=row.size,
            received_at=row.received_at,
            replayed_at=row.replayed_at,
        )


@dataclass(frozen=True, slots=True)
class QuarantinedMessageView:
    """A message as the queue delivered it, mostly in base64; its `body` is whole."""

    id: UUID
    queue: str
    message_id: str
    reason: str
    body: str
    size: int
    metadata: dict[str, Any]
    received_at: datetime
    replayed_at: datetime | None

    @classmethod
    def of(cls, row: QuarantineRow) -> Self:
        return cls(
            id=row.id,
            queue=row.queue,
            message_id=row.message_id,
            reason=row.reason,
            body=row.body,
            size=row.size,
            metadata=row.metadata,
            received_at=row.received_at,
            replayed_at=row.replayed_at,
        )


@dataclass(frozen=True, slots=True)
class ReplayedView:
    """What the message was about, and the job that looks at it; no job if nothing was left to do.
    The job may be another tenant's."""

    dataset_id: UUID
    object_key: str
    task_id: UUID | None


@get("/", guards=[may_operate], summary="List quarantine", responses=documented(OperatorOnly))
async def list_quarantine(
    resources: NamedDependency[Resources],
    replayed: Annotated[
        bool, QueryParameter(description="Those that were replayed, instead of the others.")
    ] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[QuarantineItemView]:
    """Messages of the deployment's queues that made no job, newest first."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        rows = await QuarantineRepository(session).page(
            replayed=replayed, before=before, limit=limit + 1, body_chars=LISTED_BODY_CHARS
        )
    return Page.of(rows, limit, view=QuarantineItemView.of, key=lambda row: row.id)


@get(
    "/{message_id:uuid}",
    guards=[may_operate],
    summary="Get a message in quarantine",
    responses=documented(OperatorOnly, MessageNotFound),
)
async def get_quarantined_message(
    message_id: MessageId, resources: NamedDependency[Resources]
) -> QuarantinedMessageView:
    """With its whole body, as it was delivered."""
    async with resources.sessions() as session:
        return QuarantinedMessageView.of(await QuarantineRepository(session).get(message_id))


@post(
    "/{message_id:uuid}/replay",
    guards=[may_operate],
    status_code=HTTP_202_ACCEPTED,
    summary="Replay a message in quarantine",
    responses=documented(OperatorOnly, MessageNotFound, MessageConflict, takes_key=True),
)
async def replay_quarantined_message(
    message_id: MessageId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> ReplayedView:
    """Reads the message again as the intake does: after a setting was mended, say, or a dataset was
    restored. Refused with the reason if it still makes no job."""
    async with resources.sessions.begin() as session:
        quarantine = QuarantineRepository(session)
        body = await quarantine.hold(message_id)
        try:
            change = read_message(body, bucket=limits.bucket)
        except ForeignEvent as error:
            raise MessageConflict(f"The message still makes no job: {error}.") from error
        job_id = await quarantine.replay(message_id, change, large_bytes=limits.large_bytes)
        AuditLogRepository(session).record(
            caller, "message.replayed", message_id, object_key=change.object_key
        )
    return ReplayedView(change.dataset_id, change.object_key, job_id)


@delete(
    "/{message_id:uuid}",
    guards=[may_operate],
    summary="Delete a message in quarantine",
    responses=documented(OperatorOnly, MessageNotFound),
)
async def delete_quarantined_message(
    message_id: MessageId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> None:
    """For good, whether it was replayed or not."""
    async with resources.sessions.begin() as session:
        await QuarantineRepository(session).delete(message_id)
        AuditLogRepository(session).record(caller, "message.deleted", message_id)


router = Router(
    "/quarantine",
    route_handlers=[
        list_quarantine,
        get_quarantined_message,
        replay_quarantined_message,
        delete_quarantined_message,
    ],
    tags=["Quarantine"],
)
