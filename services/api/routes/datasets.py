"""Datasets: made with upload URLs, listed, changed, deleted."""

from uuid import UUID

from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from api import uploads
from api.auth import Caller, may_write
from api.cursors import decode_cursor
from api.errors import ReadOnlyKey
from api.idempotency import Once
from api.limits import Limits
from api.orders import Orders
from api.problems import documented
from api.requests import CreateDataset, UpdateDataset
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, Limit
from api.views import CancelledView, CreatedDatasetView, DatasetView, Page
from db.errors import DatasetNotFound
from db.ids import uuid7
from db.repositories.audit_log import AuditLogRepository
from db.repositories.datasets import ChunkingRow, DatasetRepository
from db.repositories.job_history import JobFilter
from pipeline.chunk import ChunkSettings


@post(
    "/",
    guards=[may_write],
    summary="Create a dataset",
    responses=documented(ReadOnlyKey, takes_body=True, takes_key=True),
)
async def create_dataset(
    data: JSONBody[CreateDataset],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
    once: NamedDependency[Once],
) -> CreatedDatasetView:
    """Makes the dataset and an upload URL for every file. Upload each file with the headers that
    stand beside its URL; what arrives is indexed without a further call."""
    dataset_id = uuid7()
    files = data.files or []
    urls = await uploads.sign(resources.objects, dataset_id, files, limits)
    async with resources.sessions.begin() as session:
        datasets = DatasetRepository(session, caller.tenant_id)
        await datasets.add(
            dataset_id,
            name=data.name,
            chunking=_row(data.chunking.over(limits.chunking)),
            live_space=resources.embedder.model.space,
            priority=data.priority,
        )
        await uploads.expect(
            session,
            tenant_id=caller.tenant_id,
            dataset_id=dataset_id,
            files=files,
            expiry=limits.upload_url_expiry,
        )
        AuditLogRepository(session).record(
            caller, "dataset.created", dataset_id, name=data.name, files=len(files)
        )
        view = CreatedDatasetView(DatasetView.of(await datasets.get(dataset_id)), urls)
        await once.keep(session, view, status=HTTP_201_CREATED)
    return view


@get("/", summary="List datasets", responses=documented())
async def list_datasets(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DatasetView]:
    """The tenant's, newest first."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        rows = await DatasetRepository(session, caller.tenant_id).page(
            before=before, limit=limit + 1
        )
    return Page.of(rows, limit, view=DatasetView.of, key=lambda row: row.id)


@get("/{dataset_id:uuid}", summary="Get a dataset", responses=documented(DatasetNotFound))
async def get_dataset(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> DatasetView:
    """Its status and counts. `ready` means that everything that arrived is indexed, `partial` that
    some of it failed."""
    return await _view(resources, caller, dataset_id)


@patch(
    "/{dataset_id:uuid}",
    guards=[may_write],
    summary="Change a dataset",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True),
)
async def update_dataset(
    dataset_id: DatasetId,
    data: JSONBody[UpdateDataset],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> DatasetView:
    """A pause holds back indexing, not deletion; a new priority moves what is queued already.
    New chunking settings hold for what is indexed from then on."""
    async with resources.sessions.begin() as session:
        datasets = DatasetRepository(session, caller.tenant_id)
        chunking = None
        if data.chunking is not None:
            now = await datasets.lock_chunking(dataset_id)
            base = ChunkSettings(now.strategy, now.size, now.overlap, now.heading_prefix)
            chunking = _row(data.chunking.over(base))
        await datasets.change(
            dataset_id,
            name=data.name,
            priority=data.priority,
            paused=data.paused,
            chunking=chunking,
        )
        AuditLogRepository(session).record(
            caller, "dataset.changed", dataset_id, **data.model_dump(exclude_none=True)
        )
    return await _view(resources, caller, dataset_id)


@delete(
    "/{dataset_id:uuid}",
    guards=[may_write],
    summary="Delete a dataset",
    responses=documented(ReadOnlyKey, DatasetNotFound),
)
async def delete_dataset(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> None:
    """It is out of every answer at once; its objects and vectors are removed in the background."""
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).delete(dataset_id)
        AuditLogRepository(session).record(caller, "dataset.deleted", dataset_id)


@post(
    "/{dataset_id:uuid}/cancel",
    guards=[may_write],
    status_code=HTTP_200_OK,
    summary="Cancel a dataset's jobs",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_key=True),
)
async def cancel_dataset(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> CancelledView:
    """All unfinished ones, those at work first; removals of deleted documents go on. One request
    works for a bounded time. What is uploaded later is indexed: to stop that, pause the dataset."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
    orders = Orders(resources.sessions, caller, time=limits.order_time)
    done = await orders.cancel(JobFilter(dataset_id=dataset_id), target=dataset_id)
    return CancelledView(dry_run=False, cancelled=done.jobs, remaining=done.remaining)


async def _view(resources: Resources, caller: Caller, dataset_id: UUID) -> DatasetView:
    async with resources.sessions() as session:
        return DatasetView.of(await DatasetRepository(session, caller.tenant_id).get(dataset_id))


def _row(chunking: ChunkSettings) -> ChunkingRow:
    return ChunkingRow(chunking.strategy, chunking.size, chunking.overlap, chunking.heading_prefix)


router = Router(
    "/datasets",
    route_handlers=[
        create_dataset,
        list_datasets,
        get_dataset,
        update_dataset,
        delete_dataset,
        cancel_dataset,
    ],
    tags=["Datasets"],
)
