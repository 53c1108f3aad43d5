"""Uploads to a dataset that exists: more URLs, and the word that they were used."""

from litestar import Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED

from api import uploads
from api.auth import Caller, may_write
from api.errors import ReadOnlyKey
from api.limits import Limits
from api.problems import documented
from api.requests import FILES_MAX, CompleteUploads, RequestUploads
from api.resources import Resources
from api.routes.parameters import DatasetId
from api.views import CompletedUploadsView, UploadUrlsView
from db.errors import DatasetNotFound
from db.repositories.audit_log import AuditLogRepository
from db.repositories.datasets import DatasetRepository
from db.repositories.uploads import UploadRepository


@post(
    "/",
    guards=[may_write],
    summary="Get more upload URLs",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True, takes_key=True),
)
async def request_uploads(
    dataset_id: DatasetId,
    data: JSONBody[RequestUploads],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> UploadUrlsView:
    """The name of an existing document overwrites it; search shows the old version until the new
    one is indexed."""
    urls = await uploads.sign(resources.objects, dataset_id, data.files, limits)
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        await uploads.expect(
            session,
            tenant_id=caller.tenant_id,
            dataset_id=dataset_id,
            files=data.files,
            expiry=limits.upload_url_expiry,
        )
        AuditLogRepository(session).record(
            caller, "uploads.requested", dataset_id, files=len(data.files)
        )
    return UploadUrlsView(urls)


@post(
    "/complete",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Say that files were uploaded",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True, takes_key=True),
)
async def complete_uploads(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
    data: JSONBody[CompleteUploads | None] = None,
) -> CompletedUploadsView:
    """Optional: it queues the jobs at once instead of when the bucket's event comes in. Without a
    list of files it looks for up to 1,000 that have an upload URL; call again for more."""
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        if data is not None and data.files is not None:
            names = list(dict.fromkeys(file.file_name for file in data.files))
        else:
            awaited = UploadRepository(session, caller.tenant_id, dataset_id)
            names = [each.file_name for each in await awaited.awaited(limit=FILES_MAX)]
    return await uploads.take_in(resources, caller, dataset_id, names, limits)


router = Router(
    "/datasets/{dataset_id:uuid}/uploads",
    route_handlers=[request_uploads, complete_uploads],
    tags=["Uploads"],
)
