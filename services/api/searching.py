"""A search from its body to its answer, the same for one dataset and for several."""

from collections.abc import Sequence
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
from api.search_views import CaveatView, HitView, ImagesFound, SearchView, crop_of
from db.repositories.usage import UsageRepository
from pipeline.embed.client import QueryCost
from pipeline.embed.model import EmbeddingModel
from pipeline.filters import Filter, FilterError
from pipeline.filters import parse as parse_filter
from pipeline.images.model import CROP_MEDIA_TYPE, ImageModel
from pipeline.passages import Passage
from pipeline.questions import Caveat, Mode, Question
from pipeline.store.rows import StoredRow

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
        InvalidRequest: the filter does not follow the grammar, or it is not one thing that is
            searched by.
        DatasetNotFound: the tenant has no such dataset.
    """
    _check_subject(data)
    question = Question(
        tenant_id=caller.tenant_id,
        dataset_ids=dataset_ids,
        query=data.query or "",
        image=data.image_bytes,
        limit=data.limit,
        offset=data.offset,
        mode=Mode(data.asked_mode),
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
        data.asked_mode,
        perf_counter() - started,
        degraded=Caveat.KEYWORDS_ONLY in answer.caveats,
        not_reranked=Caveat.NOT_RERANKED in answer.caveats,
    )
    urls, expires_at = await _urls(answer.hits if data.include_url else [], resources, limits)
    crops = await crop_urls([hit.row for hit in answer.hits], resources, limits)
    return SearchView(
        hits=[
            HitView.of(hit, urls.get(hit.document.object_key), crops.get(hit.row.id), expires_at)
            for hit in answer.hits
        ],
        next_offset=data.offset + data.limit if answer.more else None,
        degraded=answer.caveats.get(Caveat.KEYWORDS_ONLY),
        caveats=[CaveatView(code, message) for code, message in answer.caveats.items()],
        images=ImagesFound.BY_TEXT if resources.images is None else ImagesFound.BY_VECTOR,
    )


def _check_subject(data: Search) -> None:
    """Here, since a validator of the body could not name the field."""
    if data.query is None and data.image is None:
        raise InvalidRequest(FieldError("query", "is needed, unless an image is searched by"))
    if data.query is not None and data.image is not None:
        raise InvalidRequest(FieldError("image", "takes the place of the query: send one of them"))
    if data.image is not None and data.asked_mode != "image":
        raise InvalidRequest(FieldError("mode", "must be image where an image is searched by"))


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
    model: EmbeddingModel | ImageModel = resources.embedder.model
    if question.mode is Mode.IMAGE and resources.images is not None:
        model = resources.images.model
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


async def crop_urls(
    rows: Sequence[StoredRow], resources: Resources, limits: Limits
) -> dict[str, str]:
    """A URL of each image's crop by the id of its row, good as long as those of originals."""
    keys = {row.id: key for row in rows if (key := crop_of(row)) is not None}
    return {
        row_id: await resources.objects.presign_derived(
            key, expires=limits.download_url_expiry, content_type=CROP_MEDIA_TYPE
        )
        for row_id, key in keys.items()
    }
