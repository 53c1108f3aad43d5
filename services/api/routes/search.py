"""Search in a dataset."""

from dataclasses import dataclass
from time import perf_counter
from typing import Self
from uuid import UUID

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.idempotency import NOT_ORDERING
from api.metrics import Metrics
from api.problems import documented
from api.requests import Search
from api.resources import Resources
from api.routes.parameters import DatasetId
from db.errors import DatasetNotFound
from db.repositories.datasets import DatasetRepository
from db.repositories.usage import UsageRepository
from pipeline.document import Box
from pipeline.embed.errors import EmbeddingInputRejected
from pipeline.filters import FilterError
from pipeline.filters import parse as parse_filter
from pipeline.search import Hit, Mode, Question


@dataclass(frozen=True, slots=True)
class BoxView:
    """A rectangle on a page, in points from the page's top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def of(cls, box: Box) -> Self:
        return cls(left=box.left, top=box.top, right=box.right, bottom=box.bottom)


@dataclass(frozen=True, slots=True)
class HitView:
    """A passage. `char_start` and `char_end` count characters of the document's text; `page` is a
    page, slide or sheet, `line` to `line_end` are lines or rows, `box` the place on the page,
    `attachment` the file in a mail, `path` the record in a JSON file, where the format has them.
    `context` is what it was found with besides: headings, a table's header."""

    text: str
    score: float
    document_id: UUID
    file_name: str
    page: int | None
    box: BoxView | None
    char_start: int
    char_end: int
    heading_path: list[str]
    chunk_id: str
    sheet: str | None
    line: int | None
    line_end: int | None
    attachment: str | None
    path: str | None
    context: str

    @classmethod
    def of(cls, hit: Hit) -> Self:
        row, box = hit.row, hit.row.position.box
        return cls(
            text=row.text,
            score=hit.score,
            document_id=UUID(row.document),
            file_name=row.file_name,
            page=row.position.page,
            box=None if box is None else BoxView.of(box),
            char_start=row.char_start,
            char_end=row.char_end,
            heading_path=list(row.heading_path),
            chunk_id=row.id,
            sheet=row.position.sheet,
            line=row.position.line,
            line_end=row.position.line_end,
            attachment=row.position.attachment,
            path=row.position.path,
            context=str(row.metadata.get("context", "")),
        )


@dataclass(frozen=True, slots=True)
class SearchView:
    """Hits, best first. Scores compare within one answer. `degraded` says why a hybrid search went
    by keywords alone; null when nothing was amiss."""

    hits: list[HitView]
    degraded: str | None


@post(
    "/",
    opt={NOT_ORDERING: True},
    status_code=HTTP_200_OK,
    summary="Search a dataset",
    responses=documented(DatasetNotFound, EmbeddingInputRejected, takes_body=True),
)
async def search(
    dataset_id: DatasetId,
    data: JSONBody[Search],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    metrics: NamedDependency[Metrics],
) -> SearchView:
    """By meaning (`dense`), by words (`keyword`) or both (`hybrid`)."""
    try:
        where = parse_filter(data.filter)
    except FilterError as error:
        message = str(error).removeprefix(f"{error.field}: ")
        field = "filter" if error.field == "filter" else f"filter.{error.field}"
        raise InvalidRequest(FieldError(field, message)) from error
    async with resources.sessions() as session:
        space = await DatasetRepository(session, caller.tenant_id).live_space(dataset_id)
    started = perf_counter()
    answer = await resources.searcher.search(
        Question(
            tenant_id=caller.tenant_id,
            dataset_id=dataset_id,
            space=space,
            query=data.query,
            limit=data.limit,
            mode=Mode(data.mode),
            where=where,
        )
    )
    metrics.search_finished(
        data.mode, perf_counter() - started, degraded=answer.degraded is not None
    )
    if answer.tokens:
        model = resources.embedder.model
        async with resources.sessions.begin() as session:
            UsageRepository(session).record_search(
                tenant_id=caller.tenant_id,
                dataset_id=dataset_id,
                model=model.model,
                tokens=answer.tokens,
                cost=model.cost_of(answer.tokens),
            )
    return SearchView([HitView.of(hit) for hit in answer.hits], answer.degraded)


router = Router("/datasets/{dataset_id:uuid}/search", route_handlers=[search], tags=["Search"])
