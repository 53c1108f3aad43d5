"""A search from its body to its answer, the same for one dataset and for several."""

from datetime import UTC, datetime
from time import perf_counter
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.limits import Limits
from api.metrics import Metrics
from api.resources import Resources
from api.search_requests import Search
from api.search_views import CaveatView, HitView, SearchView
from db.repositories.usage import UsageRepository
from pipeline.embed.client import QueryCost
from pipeline.filters import Filter, FilterError
from pipeline.filters import parse as parse_filter
from pipeline.passages import Passage
from pipeline.questions import Caveat, Mode, Question

log = structlog.get_logger(__name__)


async def answer_search(
    data: Search,
    dataset_ids: tuple[UUID, ...] | None,
    *,
    caller: Caller,
    resources: Resources,
    limits: Limits,
    metrics: Metrics,
) -> SearchView:
    """
    Raises:
        InvalidRequest: the filter does not follow the grammar.
        DatasetNotFound: the tenant has no such dataset.
    """
    question = Question(
        tenant_id=caller.tenant_id,
        dataset_ids=dataset_ids,
        query=data.query,
        limit=data.limit,
        offset=data.offset,
        mode=Mode(data.mode),
        where=_filter(data),
        dense_share=None if data.weights is None else data.weights.dense_share,
        score_min=data.min_score,
        one_per_document=data.group_by == "document",
        neighbours=data.neighbours,
        rerank=data.rerank,
    )
    started = perf_counter()
    cost = QueryCost()
    try:
        answer = await resources.searcher.search(question, cost)
    finally:  # paid is paid, whatever the search comes to
        await _record(cost, question, caller, resources)
    metrics.search_finished(
        data.mode,
        perf_counter() - started,
        degraded=Caveat.KEYWORDS_ONLY in answer.caveats,
        not_reranked=Caveat.NOT_RERANKED in answer.caveats,
    )
    urls, expires_at = await _urls(answer.hits if data.include_url else [], resources, limits)
    return SearchView(
        hits=[
            HitView.of(hit, urls.get(hit.document.object_key), expires_at) for hit in answer.hits
        ],
        next_offset=data.offset + data.limit if answer.more else None,
        degraded=answer.caveats.get(Caveat.KEYWORDS_ONLY),
        caveats=[CaveatView(code, message) for code, message in answer.caveats.items()],
    )


def _filter(data: Search) -> Filter:
    try:
        return parse_filter(data.filter)
    except FilterError as error:
        message = str(error).removeprefix(f"{error.field}: ")
        field = "filter" if error.field == "filter" else f"filter.{error.field}"
        raise InvalidRequest(FieldError(field, message)) from error


async def _record(
    cost: QueryCost, question: Question, caller: Caller, resources: Resources
) -> None:
    if not cost.tokens:
        return
    model = resources.embedder.model
    asked = question.dataset_ids or ()
    try:
        async with resources.sessions.begin() as session:
            UsageRepository(session).record_search(
                tenant_id=caller.tenant_id,
                dataset_id=asked[0] if len(asked) == 1 else None,
                model=model.model,
                tokens=cost.tokens,
                tokens_counted=cost.tokens_counted,
                cost=model.cost_of(cost.tokens),
            )
    except (SQLAlchemyError, OSError) as error:
        # The answer is there and paid for; refused now it would be paid for again.
        log.warning("usage.write_failed", error=type(error).__name__)


async def _urls(
    hits: list[Passage], resources: Resources, limits: Limits
) -> tuple[dict[str, str], datetime]:
    """A URL of each original by its key, and until when they all work."""
    expires_at = datetime.now(UTC) + limits.download_url_expiry
    names = {hit.document.object_key: hit.document.file_name for hit in hits}
    urls = {
        key: await resources.objects.presign_get(
            key, expires=limits.download_url_expiry, file_name=name.rpartition("/")[2]
        )
        for key, name in names.items()
    }
    return urls, expires_at
