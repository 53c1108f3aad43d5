"""Search, in one dataset or in several."""

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from api.auth import Caller
from api.idempotency import NOT_ORDERING
from api.limits import SEARCH_BODY_BYTES_MAX, Limits
from api.metrics import Metrics
from api.problems import documented
from api.resources import Resources
from api.routes.parameters import DatasetId
from api.search_requests import Search, SearchSeveral
from api.search_views import SearchView
from api.searching import answer_search
from db.errors import DatasetNotFound
from pipeline.embed.errors import EmbeddingInputRejected
from pipeline.questions import ImageSearchNotConfigured


@post(
    "/",
    opt={NOT_ORDERING: True},
    status_code=HTTP_200_OK,
    summary="Search a dataset",
    request_max_body_size=SEARCH_BODY_BYTES_MAX,
    responses=documented(
        DatasetNotFound, EmbeddingInputRejected, ImageSearchNotConfigured, takes_body=True
    ),
)
async def search(
    *,
    dataset_id: DatasetId,
    data: JSONBody[Search],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
    metrics: NamedDependency[Metrics],
) -> SearchView:
    """By meaning (`dense`), by words (`keyword`) or both (`hybrid`); or among images (`image`), by
    a text or by an image. What was deleted or replaced is never found."""
    return await answer_search(
        data, (dataset_id,), caller=caller, resources=resources, limits=limits, metrics=metrics
    )


@post(
    "/",
    opt={NOT_ORDERING: True},
    status_code=HTTP_200_OK,
    summary="Search several datasets",
    request_max_body_size=SEARCH_BODY_BYTES_MAX,
    responses=documented(
        DatasetNotFound, EmbeddingInputRejected, ImageSearchNotConfigured, takes_body=True
    ),
)
async def search_several(
    *,
    data: JSONBody[SearchSeveral],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
    metrics: NamedDependency[Metrics],
) -> SearchView:
    """As the search in one dataset. Where the datasets were embedded by different models, their
    hits are joined by rank."""
    wanted = None if data.dataset_ids is None else tuple(dict.fromkeys(data.dataset_ids))
    return await answer_search(
        data, wanted, caller=caller, resources=resources, limits=limits, metrics=metrics
    )


router = Router("/datasets/{dataset_id:uuid}/search", route_handlers=[search], tags=["Search"])
several_router = Router("/search", route_handlers=[search_several], tags=["Search"])
