"""Uploads in parts, for files that are too large to be sent again from the beginning."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT

from api import multipart, uploads
from api.auth import Caller, may_write
from api.cursors import decode_number, encode_number
from api.errors import (
    FieldError,
    InvalidRequest,
    MultipartIncomplete,
    MultipartNotFound,
    ReadOnlyKey,
)
from api.file_names import FILE_NAME_BYTES_MAX, normalised, object_key
from api.limits import Limits
from api.multipart import Upload
from api.multipart_shapes import (
    PARTS_MAX,
    UPLOAD_ID_CHARS_MAX,
    AbortMultipart,
    BeginMultipart,
    CompleteMultipart,
    MultipartView,
    PartsView,
    PartUrlsView,
    PartUrlView,
    PartView,
    SignParts,
)
from api.problems import documented
from api.requests import NewFile
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, Limit
from api.views import CompletedUploadsView
from db.errors import DatasetNotFound
from db.repositories.audit_log import AuditLogRepository
from db.repositories.datasets import DatasetRepository
from pipeline.store.multipart import UploadGone

# A client that was cut off may resume for so long. The bucket keeps parts longer: R2 for a week.
UPLOAD_EXPIRY = timedelta(days=1)

FileNameParameter = Annotated[
    str, QueryParameter(min_length=1, max_length=FILE_NAME_BYTES_MAX, description="As begun.")
]
UploadIdParameter = Annotated[
    str, QueryParameter(min_length=1, max_length=UPLOAD_ID_CHARS_MAX, description="As answered.")
]


@post(
    "/",
    guards=[may_write],
    summary="Begin an upload in parts",
    responses=documented(ReadOnlyKey, DatasetNotFound, takes_body=True, takes_key=True),
)
async def begin_multipart(
    dataset_id: DatasetId,
    data: JSONBody[BeginMultipart],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> MultipartView:
    """For files from 5 MB on. Get URLs for the parts, upload them, then complete."""
    if data.size > limits.upload_bytes_max:
        raise InvalidRequest(uploads.too_large("size", limits))
    await _check(resources, caller, dataset_id)
    key = object_key(dataset_id, data.file_name)
    there = await resources.objects.head(key)
    store_id = await resources.objects.multipart.begin(key, content_type=data.content_type)
    replaces = 0 if there is None else int(there.last_modified.timestamp())
    upload = Upload(key, store_id, data.size, replaces)
    file = NewFile(
        file_name=data.file_name,
        content_type=data.content_type,
        size=data.size,
        metadata=data.metadata,
    )
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        await uploads.expect(
            session,
            tenant_id=caller.tenant_id,
            dataset_id=dataset_id,
            files=[file],
            expiry=UPLOAD_EXPIRY,
        )
        AuditLogRepository(session).record(caller, "uploads.requested", dataset_id, files=1)
    return MultipartView(
        upload_id=upload.upload_id,
        file_name=data.file_name,
        object_key=key,
        part_bytes=upload.part_bytes,
        part_count=upload.part_count,
        expires_at=datetime.now(UTC) + UPLOAD_EXPIRY,
    )


@post(
    "/parts",
    guards=[may_write],
    status_code=HTTP_200_OK,
    summary="Get URLs for parts",
    responses=documented(ReadOnlyKey, DatasetNotFound, MultipartNotFound, takes_body=True),
)
async def sign_parts(
    dataset_id: DatasetId,
    data: JSONBody[SignParts],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> PartUrlsView:
    """As often as you need: a URL works for as long as one for a whole file."""
    await _check(resources, caller, dataset_id)
    upload = Upload.named(
        dataset_id, data.file_name, data.upload_id, bytes_max=limits.upload_bytes_max
    )
    expires_at = datetime.now(UTC) + limits.upload_url_expiry
    views = []
    for index, number in enumerate(data.numbers):
        length = upload.length_of(number)
        if not length:
            rule = f"the file has {upload.part_count} parts"
            raise InvalidRequest(FieldError(f"numbers.{index}", rule))
        url, headers = await resources.objects.multipart.sign(
            upload.key,
            upload.store_id,
            number=number,
            length=length,
            expires=limits.upload_url_expiry,
        )
        views.append(PartUrlView(number, url, "PUT", dict(headers), expires_at))
    return PartUrlsView(views)


@get(
    "/parts",
    summary="List the parts that are there",
    responses=documented(DatasetNotFound, MultipartNotFound),
)
async def list_parts(
    dataset_id: DatasetId,
    file_name: FileNameParameter,
    upload_id: UploadIdParameter,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    *,
    limits: NamedDependency[Limits],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> PartsView:
    """For a client that was cut off: upload the others, and complete."""
    await _check(resources, caller, dataset_id)
    try:
        upload = Upload.named(
            dataset_id, normalised(file_name), upload_id, bytes_max=limits.upload_bytes_max
        )
    except ValueError as error:
        raise InvalidRequest(FieldError("file_name", str(error))) from error
    after = 0 if cursor is None else min(decode_number(cursor), PARTS_MAX)
    try:
        parts, more = await resources.objects.multipart.parts(
            upload.key, upload.store_id, after=after, limit=limit
        )
    except UploadGone as error:
        raise MultipartNotFound from error
    return PartsView(
        [PartView(part.number, part.etag, part.size) for part in parts],
        encode_number(parts[-1].number) if more and parts else None,
    )


@post(
    "/complete",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Complete an upload in parts",
    responses=documented(
        ReadOnlyKey, DatasetNotFound, MultipartNotFound, MultipartIncomplete, takes_body=True
    ),
)
async def complete_multipart(
    dataset_id: DatasetId,
    data: JSONBody[CompleteMultipart],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> CompletedUploadsView:
    """Makes the object of its parts and queues its job."""
    await _check(resources, caller, dataset_id)
    upload = Upload.named(
        dataset_id, data.file_name, data.upload_id, bytes_max=limits.upload_bytes_max
    )
    await multipart.complete(resources.objects, upload, data.parts)
    return await uploads.take_in(resources, caller, dataset_id, [data.file_name], limits)


@post(
    "/abort",
    guards=[may_write],
    status_code=HTTP_204_NO_CONTENT,
    summary="Abort an upload in parts",
    responses=documented(ReadOnlyKey, DatasetNotFound, MultipartNotFound, takes_body=True),
)
async def abort_multipart(
    dataset_id: DatasetId,
    data: JSONBody[AbortMultipart],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> None:
    """Drops the parts. Do so with what you do not complete: until R2 drops it after a week, it
    is paid for."""
    await _check(resources, caller, dataset_id)
    upload = Upload.named(
        dataset_id, data.file_name, data.upload_id, bytes_max=limits.upload_bytes_max
    )
    try:
        await resources.objects.multipart.abort(upload.key, upload.store_id)
    except UploadGone as error:
        raise MultipartNotFound from error
    async with resources.sessions.begin() as session:
        AuditLogRepository(session).record(caller, "uploads.aborted", dataset_id, files=1)


async def _check(resources: Resources, caller: Caller, dataset_id: UUID) -> None:
    """Raises DatasetNotFound unless it is the caller's."""
    async with resources.sessions() as session:
        await DatasetRepository(session, caller.tenant_id).check(dataset_id)


router = Router(
    "/datasets/{dataset_id:uuid}/uploads/multipart",
    route_handlers=[begin_multipart, sign_parts, list_parts, complete_multipart, abort_multipart],
    tags=["Uploads"],
)
