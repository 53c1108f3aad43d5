"""Upload URLs: signed, and written down so that the poller looks for what is to come."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from api.auth import Caller
from api.errors import FieldError, InvalidRequest
from api.file_names import object_key
from api.limits import Limits
from api.requests import NewFile
from api.resources import Resources
from api.views import CompletedUploadsView, JobView, UploadUrlView
from db.repositories.audit_log import AuditLogRepository
from db.repositories.changes import Change, ChangeRepository
from db.repositories.datasets import DatasetRepository
from db.repositories.job_history import JobHistoryRepository
from db.repositories.uploads import Expected, UploadRepository
from pipeline.store.objects import ObjectStore

HEADS_AT_ONCE = 16


async def sign(
    objects: ObjectStore, dataset_id: UUID, files: Sequence[NewFile], limits: Limits
) -> list[UploadUrlView]:
    """One URL a file, in their order.

    Raises:
        InvalidRequest: a file is larger than a single upload may be.
    """
    refused = [
        too_large(f"files.{index}.size", limits)
        for index, file in enumerate(files)
        if (file.size or 0) > limits.upload_bytes_max
    ]
    if refused:
        raise InvalidRequest(*refused)
    expires_at = datetime.now(UTC) + limits.upload_url_expiry
    urls = []
    for file in files:
        key = object_key(dataset_id, file.file_name)
        url, headers = await objects.presign_put(
            key,
            content_type=file.content_type,
            content_length=file.size,
            expires=limits.upload_url_expiry,
        )
        urls.append(UploadUrlView(file.file_name, key, url, "PUT", headers, expires_at))
        # Signing is arithmetic: a thousand signatures must not hold up everybody else.
        await asyncio.sleep(0)
    return urls


def too_large(field: str, limits: Limits) -> FieldError:
    return FieldError(field, f"may be at most {limits.upload_bytes_max} bytes")


async def expect(
    session: AsyncSession,
    *,
    tenant_id: UUID,
    dataset_id: UUID,
    files: Sequence[NewFile],
    expiry: timedelta,
) -> None:
    """Write down what was signed; the caller holds the dataset."""
    await UploadRepository(session, tenant_id, dataset_id).expect(
        [
            Expected(
                object_key=object_key(dataset_id, file.file_name),
                file_name=file.file_name,
                content_type=file.content_type,
                size=file.size,
                metadata=file.metadata,
            )
            for file in files
        ],
        expiry=expiry,
    )


async def arrived(
    objects: ObjectStore, dataset_id: UUID, file_names: Sequence[str], *, reason: str
) -> list[Change]:
    """A change for each of these files that the bucket has, in their order.

    Raises:
        DependencyError: the bucket could not be asked.
    """
    slots = asyncio.Semaphore(HEADS_AT_ONCE)

    async def look(file_name: str) -> Change | None:
        key = object_key(dataset_id, file_name)
        async with slots:
            version = await objects.head(key)
        if version is None:
            return None
        return Change(dataset_id, key, file_name, reason, size=version.size)

    failure: Exception | None = None
    # A group: when one look fails, the others are called off.
    try:
        async with asyncio.TaskGroup() as group:
            looks = [group.create_task(look(file_name)) for file_name in file_names]
    except ExceptionGroup as failures:
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure  # alone, and out here so that it keeps its own cause
    return [change for each in looks if (change := each.result()) is not None]


async def take_in(
    resources: Resources,
    caller: Caller,
    dataset_id: UUID,
    file_names: Sequence[str],
    limits: Limits,
) -> CompletedUploadsView:
    """Queue a job for each of these files that the bucket has.

    Raises:
        DatasetNotFound: the dataset was deleted meanwhile.
        DependencyError: the bucket could not be asked.
    """
    changes = await arrived(resources.objects, dataset_id, file_names, reason="upload")
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(dataset_id)
        jobs = await ChangeRepository(session).apply(changes, large_bytes=limits.large_bytes)
        AuditLogRepository(session).record(
            caller, "uploads.completed", dataset_id, files=len(changes)
        )
        rows = await JobHistoryRepository(session, caller.tenant_id).of_ids(
            [job_id for job_id in jobs.values() if job_id is not None]
        )
    there = {change.file_name for change in changes}
    return CompletedUploadsView(
        jobs=[JobView.of(row) for row in rows],
        missing=[name for name in file_names if name not in there],
    )
