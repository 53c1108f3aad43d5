"""Following along: a WebSocket that tells what happens, and the same events as pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from litestar import Router, WebSocket, get, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.live.entry import CURSOR_DIGITS_MAX
from api.live.service import Live
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, DatasetId, Limit
from db.errors import CursorExpired, DatasetNotFound
from db.repositories.datasets import DatasetRepository
from db.repositories.events import EventRepository, EventRow

EventCursor = Annotated[
    str | None,
    QueryParameter(
        max_length=CURSOR_DIGITS_MAX,
        description="The number of an event: those after it are shown. The oldest first without.",
    ),
]


@dataclass(frozen=True, slots=True)
class EventView:
    """A change of state. `cursor` is its number; `kind` is `noun.verb`."""

    cursor: int
    at: datetime
    kind: str
    dataset_id: UUID
    document_id: UUID | None
    job_id: UUID | None
    data: dict[str, Any]

    @classmethod
    def of(cls, row: EventRow) -> Self:
        return cls(
            cursor=row.number,
            at=row.at,
            kind=row.kind,
            dataset_id=row.dataset_id,
            document_id=row.document_id,
            job_id=row.job_id,
            data=row.data,
        )


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, oldest first. `next_cursor` is where to go on, also when there are no more yet."""

    items: list[EventView]
    next_cursor: str


@get(
    "/datasets/{dataset_id:uuid}/events",
    summary="Page through a dataset's events",
    responses=documented(DatasetNotFound, CursorExpired),
)
async def list_dataset_events(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    live: NamedDependency[Live],
    *,
    limit: Limit = DEFAULT_LIMIT,
    cursor: EventCursor = None,
) -> EventPage:
    """What a WebSocket at the same path tells, for those who poll: every change of a document's, a
    job's and the dataset's state, none missed. Kept for 30 days."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
    return await _page(caller, resources, live, dataset_id, cursor=cursor, limit=limit)


@get(
    "/events",
    summary="Page through all events",
    responses=documented(CursorExpired),
)
async def list_events(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    live: NamedDependency[Live],
    *,
    limit: Limit = DEFAULT_LIMIT,
    cursor: EventCursor = None,
) -> EventPage:
    """Those of all datasets of the tenant."""
    return await _page(caller, resources, live, None, cursor=cursor, limit=limit)


async def _page(
    caller: Caller,
    resources: Resources,
    live: Live,
    dataset_id: UUID | None,
    *,
    cursor: str | None,
    limit: int,
) -> EventPage:
    if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
        raise InvalidRequest(FieldError("cursor", "must be the number of an event"))
    await live.hub.catch_up()
    async with resources.sessions() as session:
        events = EventRepository(session)
        begin = await events.beginning() if cursor is None else int(cursor)
        await events.check(begin)
        # Up to it, all is visible. A cursor that stayed where a quiet dataset's last event is would
        # expire with that event, although nothing was missed.
        head = await events.head()
        rows = await events.after(
            begin, limit=limit, tenants=[caller.tenant_id], dataset_id=dataset_id, up_to=head
        )
    last = rows[-1].number if len(rows) == limit else head
    return EventPage([EventView.of(row) for row in rows], str(last))


@websocket("/datasets/{dataset_id:uuid}/events")
async def follow_dataset(socket: WebSocket[Any, Any, State], dataset_id: DatasetId) -> None:
    await _live(socket).serve(socket, dataset_id)


@websocket("/events")
async def follow_all(socket: WebSocket[Any, Any, State]) -> None:
    await _live(socket).serve(socket, None)


def _live(socket: WebSocket[Any, Any, State]) -> Live:
    live: Live = socket.app.state.live
    return live


router = Router("/", route_handlers=[list_dataset_events, list_events], tags=["Live"])
# Not behind the middleware of the api: a browser learns why only after the socket was opened.
sockets = Router("/api/v1", route_handlers=[follow_dataset, follow_all])
