"""The list of jobs, and how many there are in each state: one set of filters for both."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from api.auth import Caller
from api.bulk_requests import FINGERPRINT_FORMAT, NAME_FORMAT
from api.cursors import decode_place, encode_place
from api.errors import FieldError, InvalidRequest
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, Limit
from api.views import JobView, Page
from db.models import Status
from db.repositories.job_history import JobFilter, JobHistoryRepository
from db.repositories.job_list import COUNT_MAX, JobListRepository, JobSearch, JobSort

# Postgres takes no NUL, and no name has a control character.
TEXT_FORMAT = r"^[^\x00-\x1f]*$"
TEXT_CHARS_MIN = 3  # the index of names knows of three characters
TEXT_CHARS_MAX = 200
YEARS = range(1970, 9000)


@dataclass(frozen=True, slots=True)
class JobCountsView:
    """How many jobs match in each state; `capped` says that one of them counts to 10,000 only."""

    queued: int
    processing: int
    completed: int
    failed: int
    cancelled: int
    capped: bool


async def job_search(  # noqa: PLR0917  # the framework passes them by name
    status: Annotated[
        list[Status] | None,
        QueryParameter(
            max_items=len(Status), description="In one of these states; may be given several times."
        ),
    ] = None,
    dataset_id: Annotated[UUID | None, QueryParameter(description="Of this dataset.")] = None,
    document_id: Annotated[UUID | None, QueryParameter(description="Of this document.")] = None,
    error_code: Annotated[
        str | None, QueryParameter(pattern=NAME_FORMAT, description="With this latest error.")
    ] = None,
    stage: Annotated[
        str | None,
        QueryParameter(
            pattern=NAME_FORMAT, description="At work on this stage, or failed or cancelled in it."
        ),
    ] = None,
    fingerprint: Annotated[
        str | None,
        QueryParameter(pattern=FINGERPRINT_FORMAT, description="Failed alike; see the failures."),
    ] = None,
    worker: Annotated[
        str | None,
        QueryParameter(
            pattern=TEXT_FORMAT,
            max_length=TEXT_CHARS_MAX,
            description="That this worker has had in its hands.",
        ),
    ] = None,
    created_after: Annotated[
        datetime | None, QueryParameter(description="Made at this time or later.")
    ] = None,
    created_before: Annotated[
        datetime | None, QueryParameter(description="Made before this time.")
    ] = None,
    q: Annotated[
        str | None,
        QueryParameter(
            pattern=TEXT_FORMAT,
            min_length=TEXT_CHARS_MIN,
            max_length=TEXT_CHARS_MAX,
            description="A part of the file name, in either case, or the id of a job, a document "
            "or a dataset.",
        ),
    ] = None,
) -> JobSearch:
    return JobSearch(
        filter=JobFilter(
            dataset_id=dataset_id,
            document_id=document_id,
            error_code=error_code,
            stage=stage,
            fingerprint=fingerprint,
            created_after=_time("created_after", created_after),
            created_before=_time("created_before", created_before),
        ),
        statuses=tuple(dict.fromkeys(status or ())),
        worker=worker,
        text=q,
    )


@get("/", summary="List jobs", responses=documented())
async def list_jobs(
    *,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    job_search: NamedDependency[JobSearch],
    sort: Annotated[
        JobSort,
        QueryParameter(
            description="`-` puts the latest or largest first. By the end, the duration or the "
            "tokens, jobs that are not finished come last, newest first."
        ),
    ] = JobSort.NEWEST,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[JobView]:
    """Filters narrow together. A cursor belongs to the order that it was made under."""
    after = decode_place(cursor, sort)
    async with resources.sessions() as session:
        places = await JobListRepository(session, caller.tenant_id).page(
            job_search, sort, after=after, limit=limit + 1
        )
        shown = places[:limit]
        rows = await JobHistoryRepository(session, caller.tenant_id).in_order(
            [place.job_id for place in shown]
        )
    return Page(
        [JobView.of(row) for row in rows],
        encode_place(shown[-1], sort) if len(places) > limit else None,
    )


@get("/counts", summary="Count jobs by state", responses=documented())
async def count_jobs(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    job_search: NamedDependency[JobSearch],
) -> JobCountsView:
    """With the filters of the list. No more than 10,000 are counted of a state."""
    async with resources.sessions() as session:
        counts = await JobListRepository(session, caller.tenant_id).counts(job_search)
    return JobCountsView(
        **{status.value: number for status, number in counts.items()},
        capped=any(number >= COUNT_MAX for number in counts.values()),
    )


def _time(field: str, given: datetime | None) -> datetime | None:
    if given is None:
        return None
    if given.tzinfo is None or given.year not in YEARS:
        raise InvalidRequest(
            FieldError(field, "must be a time with its zone, such as 2026-11-24T12:00:00Z")
        )
    return given.astimezone(UTC)


router = Router(
    "/jobs",
    route_handlers=[list_jobs, count_jobs],
    dependencies={"job_search": Provide(job_search)},
    tags=["Jobs"],
)
