"""The bodies of orders to many jobs. Nothing is ordered of all jobs by leaving something out."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from api.requests import Body, as_uuid, with_example
from db.models import Status
from db.repositories.job_history import JobFilter

NAME_FORMAT = r"^[a-z][a-z0-9_]{0,63}$"
FINGERPRINT_FORMAT = r"^[0-9a-f]{16}$"
PER_MINUTE_MAX = 100_000
# Behind it there must be room in the calendar for a pace of one a minute.
BEGIN_WITHIN = timedelta(days=36_500)


def _time(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        time = datetime.fromisoformat(value)
        # The first and the last hours of the calendar may be none in UTC.
        in_utc = None if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        in_utc = None
    if in_utc is None:
        raise ValueError("must be a time with its zone, such as 2026-11-24T12:00:00Z")
    return in_utc


def _not_for_ever(time: datetime) -> datetime:
    if time > datetime.now(UTC) + BEGIN_WITHIN:
        raise ValueError("must not be more than a century ahead")
    return time


Time = Annotated[datetime, BeforeValidator(_time)]
Identifier = Annotated[UUID, BeforeValidator(as_uuid)]


class JobsFilter(Body):
    """Which jobs are meant. What is given narrows together."""

    dataset_id: Identifier | None = Field(None, description="Of this dataset.")
    document_id: Identifier | None = Field(None, description="Of this document.")
    error_code: str | None = Field(None, pattern=NAME_FORMAT, description="With this error.")
    stage: str | None = Field(None, pattern=NAME_FORMAT, description="In this stage.")
    fingerprint: str | None = Field(
        None, pattern=FINGERPRINT_FORMAT, description="Failed alike; see the list of failures."
    )
    created_before: Time | None = Field(None, description="Made before this time.")
    created_after: Time | None = Field(None, description="Made at this time or later.")


class FinishedJobs(JobsFilter):
    """Which failed jobs are meant, or cancelled ones. What is given narrows together."""

    status: Literal["failed", "cancelled"] | None = Field(
        None, description="Failed ones if left out; cancelled ones only when they are asked for."
    )


class UnfinishedJobs(JobsFilter):
    """Which queued jobs are meant, and which at work. What is given narrows together."""

    status: Literal["queued", "processing"] | None = Field(None, description="Both if left out.")


class BulkOrder(Body):
    """An order to all jobs that match."""

    all: bool = Field(False, description="Of the whole tenant; instead of a filter.")
    dry_run: bool = Field(False, description="Only count what would be done.")

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        wanted: JobsFilter | None = getattr(self, "filter", None)
        narrowed = wanted is not None and bool(wanted.model_dump(exclude_none=True))
        if narrowed == self.all:
            raise ValueError("give either a filter that narrows, or all: true")
        return self


class RetryJobs(BulkOrder):
    """Failed jobs to be done again."""

    model_config = with_example(
        filter={"fingerprint": "b7d9b0827c524d09"},
        per_minute=600,
        dry_run=True,
    )

    filter: FinishedJobs | None = None
    per_minute: int | None = Field(
        None, ge=1, le=PER_MINUTE_MAX, description="So many become due a minute; all if left out."
    )
    begin_at: Annotated[Time, AfterValidator(_not_for_ever)] | None = Field(
        None,
        description="When the first is due; to go on with what remained at the same pace, give "
        "the `last_due_at` of the answer before.",
    )

    def wanted(self) -> JobFilter:
        wanted = _job_filter(self.filter)
        return wanted if wanted.status is not None else _job_filter(self.filter, Status.FAILED)


class CancelJobs(BulkOrder):
    """Unfinished jobs to be cancelled."""

    model_config = with_example(
        filter={"dataset_id": "0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11", "status": "queued"},
        dry_run=True,
    )

    filter: UnfinishedJobs | None = None

    def wanted(self) -> JobFilter:
        return _job_filter(self.filter)


def _job_filter(given: JobsFilter | None, status: Status | None = None) -> JobFilter:
    fields: dict[str, Any] = {} if given is None else given.model_dump(exclude_none=True)
    asked = fields.pop("status", None)
    return JobFilter(status=status if asked is None else Status(asked), **fields)
