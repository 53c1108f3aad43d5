"""The documents of a dataset."""

import asyncio

import structlog
from litestar import Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from api.auth import Caller, may_write
from api.cursors import decode_cursor
from api.errors import ReadOnlyKey
from api.problems import documented
from api.requests import UpdateDocument
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, DocumentId, Limit
from api.views import DocumentDetailView, DocumentView, JobView, Page, RemovalView
from db.errors import DatasetNotFound, DocumentNotFound, JobConflict
from db.repositories.audit_log import AuditLogRepository
from db.repositories.commands import CommandRepository, SeenVersion
from db.repositories.datasets import DatasetRepository
from db.repositories.document_views import DocumentViewRepository
from db.repositories.job_history import JobHistoryRepository
from pipeline.errors import DependencyError

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0  # at the bucket, for the version that a delete means


@get("/", summary="List documents", responses=documented(DatasetNotFound))
async def list_documents(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[DocumentView]:
    """Each with the state of its latest job. Deleted documents are not listed."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
        rows = await DocumentViewRepository(session, caller.tenant_id).page(
            dataset_id, before=before, limit=limit + 1
        )
    return Page.of(rows, limit, view=DocumentView.of, key=lambda row: row.document.id)


@get(
    "/{document_id:uuid}",
    summary="Get a document",
    responses=documented(DatasetNotFound, DocumentNotFound),
)
async def get_document(
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> DocumentDetailView:
    """What is known of the file and its pages, and the state of its latest job."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
        row = await DocumentViewRepository(session, caller.tenant_id).get(dataset_id, document_id)
    return DocumentDetailView.of(row)


@patch(
    "/{document_id:uuid}",
    guards=[may_write],
    summary="Change a document's metadata",
    responses=documented(ReadOnlyKey, DatasetNotFound, DocumentNotFound, takes_body=True),
)
async def update_document(
    dataset_id: DatasetId,
    document_id: DocumentId,
    data: JSONBody[UpdateDocument],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> DocumentView:
    """All of its metadata anew; filters go by it from the answer on. Nothing is indexed anew."""
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        documents = DocumentViewRepository(session, caller.tenant_id)
        await documents.describe(dataset_id, document_id, data.metadata)
        AuditLogRepository(session).record(
            caller, "document.changed", document_id, metadata=data.metadata
        )
        row = await documents.get(dataset_id, document_id)
        return DocumentView.of(row)


@delete(
    "/{document_id:uuid}",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Delete a document",
    responses=documented(ReadOnlyKey, DatasetNotFound, DocumentNotFound),
)
async def delete_document(
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> RemovalView:
    """It is out of search at once; the job removes the object and the vectors. A version that is
    uploaded after the deletion stays."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)
        documents = DocumentViewRepository(session, caller.tenant_id)
        key = (await documents.get(dataset_id, document_id)).document.object_key
    seen = await _seen(resources, key)
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        commands = CommandRepository(session, caller.tenant_id)
        job_id = await commands.delete_document(dataset_id, document_id, seen=seen)
        AuditLogRepository(session).record(
            caller, "document.deleted", document_id, dataset_id=str(dataset_id)
        )
    return RemovalView(job_id)


@post(
    "/{document_id:uuid}/cancel",
    guards=[may_write],
    status_code=HTTP_200_OK,
    summary="Cancel a document's job",
    responses=documented(
        ReadOnlyKey, DatasetNotFound, DocumentNotFound, JobConflict, takes_key=True
    ),
)
async def cancel_document(
    dataset_id: DatasetId,
    document_id: DocumentId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
) -> JobView:
    """Its unfinished job, which is the answer. What search shows of the document stays as it is."""
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        commands = CommandRepository(session, caller.tenant_id)
        job_id = await commands.cancel_document(dataset_id, document_id)
        AuditLogRepository(session).record(
            caller, "job.cancelled", job_id, document_id=str(document_id)
        )
        return JobView.of(await JobHistoryRepository(session, caller.tenant_id).get(job_id))


async def _seen(resources: Resources, key: str) -> SeenVersion | None:
    """The version that the caller means to delete; None where the bucket cannot say in time."""
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            version = await resources.objects.head(key)
    except (DependencyError, TimeoutError) as error:
        # The version that is known has to do: a delete must work while the bucket is away.
        log.warning("document.not_looked_at", error=type(error).__name__)
        return None
    return None if version is None else SeenVersion(version.etag, version.last_modified)


router = Router(
    "/datasets/{dataset_id:uuid}/documents",
    route_handlers=[
        list_documents,
        get_document,
        update_document,
        delete_document,
        cancel_document,
    ],
    tags=["Documents"],
)
