"""What embedding costs, and what was saved."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import Limit
from api.views import money
from db.repositories.spending import GroupBy, Spending, SpendingFilter, SpendingRepository

DAYS_DEFAULT = 30
DAYS_MAX = 366
GROUPS_DEFAULT = 100
MODEL_CHARS_MAX = 200
MODEL_FORMAT = r"^[^\x00-\x1f]*$"  # Postgres takes no NUL, and no model has a control character


@dataclass(frozen=True, slots=True)
class SpendingView:
    """Money is US dollars, as text. `tokens_counted` are those among the tokens that the endpoint
    did not tell, so they were counted here. `tokens_unpriced` are of models without a price (see
    `SLUICE_EMBEDDING_PRICES`): they add nothing to `cost`. `texts_reused` had a vector already;
    `tokens_saved` and `cost_saved` are about what they would have cost. What it was not grouped by
    is null; a search has no document and no job."""

    day: date | None
    dataset_id: UUID | None
    document_id: UUID | None
    task_id: UUID | None
    model: str | None
    tokens: int
    tokens_counted: int
    tokens_unpriced: int
    cost: str
    texts_reused: int
    tokens_saved: int
    cost_saved: str

    @classmethod
    def of(cls, spent: Spending) -> Self:
        return cls(
            day=spent.day,
            dataset_id=spent.dataset_id,
            document_id=spent.document_id,
            task_id=spent.job_id,
            model=spent.model,
            tokens=spent.tokens,
            tokens_counted=spent.tokens_counted,
            tokens_unpriced=spent.tokens_unpriced,
            cost=money(spent.cost),
            texts_reused=spent.texts_reused,
            tokens_saved=spent.tokens_saved,
            cost_saved=money(spent.cost_saved),
        )


@dataclass(frozen=True, slots=True)
class UsageView:
    """The days are UTC, both included. `more` says that there are groups beyond the limit; `total`
    is of all."""

    first_day: date
    last_day: date
    total: SpendingView
    groups: list[SpendingView]
    more: bool


@get("/", summary="Add up usage and costs", responses=documented())
async def get_usage(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    *,
    group_by: Annotated[
        list[GroupBy] | None,
        QueryParameter(max_items=5, description="What to add up by; may be given several times."),
    ] = None,
    first_day: Annotated[
        date | None, QueryParameter(description="30 days before the last, if left out.")
    ] = None,
    last_day: Annotated[date | None, QueryParameter(description="Today, if left out.")] = None,
    dataset_id: Annotated[UUID | None, QueryParameter(description="Of this dataset.")] = None,
    document_id: Annotated[UUID | None, QueryParameter(description="Of this document.")] = None,
    task_id: Annotated[UUID | None, QueryParameter(description="Of this job.")] = None,
    model: Annotated[
        str | None,
        QueryParameter(
            max_length=MODEL_CHARS_MAX, pattern=MODEL_FORMAT, description="Of this model."
        ),
    ] = None,
    limit: Limit = GROUPS_DEFAULT,
) -> UsageView:
    """Tokens and costs of indexing and searching, as they are answered: what an attempt has paid
    before it was killed or cancelled counts too."""
    last = last_day or datetime.now(UTC).date()
    if last == date.max:
        raise InvalidRequest(FieldError("last_day", "is the end of all days"))
    first = first_day or last - timedelta(days=min(DAYS_DEFAULT, (last - date.min).days))
    if not 0 <= (last - first).days <= DAYS_MAX:
        raise InvalidRequest(
            FieldError("first_day", f"must be at most {DAYS_MAX} days before the last")
        )
    wanted = SpendingFilter(first, last, dataset_id, document_id, task_id, model)
    async with resources.sessions() as session:
        spending = SpendingRepository(session, caller.tenant_id)
        total = await spending.total(wanted)
        by = list(dict.fromkeys(group_by or []))
        groups = await spending.groups(wanted, by, limit=limit + 1) if by else []
    return UsageView(
        first_day=first,
        last_day=last,
        total=SpendingView.of(total),
        groups=[SpendingView.of(group) for group in groups[:limit]],
        more=len(groups) > limit,
    )


router = Router("/usage", route_handlers=[get_usage], tags=["Usage"])
