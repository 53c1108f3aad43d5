"""Jobs: what is being done to documents, what was done, and what people may order."""

import unicodedata

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED

from api import uploads
from api.auth import Caller, may_write
from api.cursors import decode_cursor
from api.errors import ForeignObjectKey, ObjectNotFound, ReadOnlyKey
from api.file_names import normalised, object_key
from api.limits import Limits
from api.problems import documented
from api.requests import TriggerJob
from api.resources import Resources
from api.routes.parameters import DEFAULT_LIMIT, Cursor, DatasetId, Limit, TaskId
from api.views import AttemptView, DatasetJobsView, DatasetView, JobView, Page
from db.errors import DatasetNotFound, JobConflict, JobNotFound
from db.repositories.audit_log import AuditLogRepository
from db.repositories.changes import ChangeRepository
from db.repositories.commands import CommandRepository
from db.repositories.datasets import DatasetRepository
from db.repositories.job_history import JobFilter, JobHistoryRepository


@post(
    "/",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Trigger a job by hand",
    responses=documented(
        ReadOnlyKey,
        ForeignObjectKey,
        DatasetNotFound,
        ObjectNotFound,
        takes_body=True,
        takes_key=True,
    ),
)
async def trigger_job(
    data: JSONBody[TriggerJob],
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limits: NamedDependency[Limits],
) -> JobView:
    """Looks at the object again: after a lost event, or to index it under new settings. When a job
    of the document is unfinished, the answer is that one."""
    file_name = _file_name(data)
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(data.dataset_id)
    changes = await uploads.arrived(
        resources.objects, data.dataset_id, [file_name], reason="trigger"
    )
    if not changes:
        raise ObjectNotFound(data.object_key)
    async with resources.sessions.begin() as session:
        await DatasetRepository(session, caller.tenant_id).hold(data.dataset_id)
        made = await ChangeRepository(session).apply(changes, large_bytes=limits.large_bytes)
        [job_id] = made.values()
        if job_id is None:
            raise JobConflict("There is nothing to do for this object now.")
        AuditLogRepository(session).record(
            caller, "job.triggered", job_id, object_key=object_key(data.dataset_id, file_name)
        )
        return JobView.of(await JobHistoryRepository(session, caller.tenant_id).get(job_id))


@get("/{task_id:uuid}", summary="Get a job", responses=documented(JobNotFound))
async def get_job(
    task_id: TaskId, caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> JobView:
    """How far it is, what it waits for, and its latest error."""
    async with resources.sessions() as session:
        return JobView.of(await JobHistoryRepository(session, caller.tenant_id).get(task_id))


@get(
    "/{task_id:uuid}/attempts",
    summary="List a job's attempts",
    responses=documented(JobNotFound),
)
async def list_attempts(
    task_id: TaskId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[AttemptView]:
    """Every start of the work on this job, the latest first, with how it ended."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        history = JobHistoryRepository(session, caller.tenant_id)
        await history.get(task_id)
        attempts = await history.attempts(task_id, before=before, limit=limit + 1)
    return Page.of(attempts, limit, view=AttemptView.of, key=lambda attempt: attempt.id)


@post(
    "/{task_id:uuid}/retry",
    guards=[may_write],
    status_code=HTTP_202_ACCEPTED,
    summary="Retry a failed or cancelled job",
    responses=documented(ReadOnlyKey, JobNotFound, JobConflict, takes_key=True),
)
async def retry_job(
    task_id: TaskId, caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> JobView:
    """With all its tries again. Refused while a newer job of the document is unfinished."""
    async with resources.sessions.begin() as session:
        history = JobHistoryRepository(session, caller.tenant_id)
        await history.get(task_id)
        await CommandRepository(session, caller.tenant_id).retry(task_id)
        AuditLogRepository(session).record(caller, "job.retried", task_id)
        return JobView.of(await history.get(task_id))


@post(
    "/{task_id:uuid}/cancel",
    guards=[may_write],
    status_code=HTTP_200_OK,
    summary="Cancel an unfinished job",
    responses=documented(ReadOnlyKey, JobNotFound, JobConflict, takes_key=True),
)
async def cancel_job(
    task_id: TaskId, caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> JobView:
    """An attempt that runs can write nothing more from then on. What search shows of the document
    stays as it is. The removal of a deleted document cannot be cancelled."""
    async with resources.sessions.begin() as session:
        history = JobHistoryRepository(session, caller.tenant_id)
        await history.get(task_id)
        await CommandRepository(session, caller.tenant_id).cancel(task_id)
        AuditLogRepository(session).record(caller, "job.cancelled", task_id)
        return JobView.of(await history.get(task_id))


@get(
    "/dataset/{dataset_id:uuid}/status",
    summary="Follow a dataset",
    responses=documented(DatasetNotFound),
)
async def dataset_status(
    dataset_id: DatasetId,
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> DatasetJobsView:
    """The dataset with its counts, and its jobs in pages, newest first."""
    before = decode_cursor(cursor)
    async with resources.sessions() as session:
        dataset = await DatasetRepository(session, caller.tenant_id).get(dataset_id)
        rows = await JobHistoryRepository(session, caller.tenant_id).page(
            JobFilter(dataset_id=dataset_id), before=before, limit=limit + 1
        )
    page = Page.of(rows, limit, view=JobView.of, key=lambda row: row.job.id)
    return DatasetJobsView(DatasetView.of(dataset), page.items, page.next_cursor)


def _file_name(data: TriggerJob) -> str:
    """
    Raises:
        ForeignObjectKey: the key does not name a file of the dataset.
    """
    prefix = object_key(data.dataset_id, "")
    key = unicodedata.normalize("NFC", data.object_key)
    if not key.startswith(prefix):
        raise ForeignObjectKey(data.dataset_id)
    try:
        return normalised(key.removeprefix(prefix))
    except ValueError as error:
        raise ForeignObjectKey(data.dataset_id) from error


router = Router(
    "/jobs",
    route_handlers=[
        trigger_job,
        get_job,
        list_attempts,
        retry_job,
        cancel_job,
        dataset_status,
    ],
    tags=["Jobs"],
)
