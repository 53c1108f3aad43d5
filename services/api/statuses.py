"""The states that follow from others: a dataset's from its documents', a document's from its job's.

A document that was announced but never arrived keeps no dataset from being ready once its upload
URL has expired.
"""

from enum import StrEnum

from db.models import Status
from db.repositories.datasets import DatasetCounts


class DatasetStatus(StrEnum):
    """`uploading`: nothing arrived yet. `ready`: all that arrived is indexed. `partial`: some of it
    failed or was cancelled. `failed`: all of it."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    PARTIAL = "partial"
    FAILED = "failed"


class DocumentStatus(StrEnum):
    """The status of the latest job, or `uploading` before there is one."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def dataset_status(counts: DatasetCounts) -> DatasetStatus:
    arrived = counts.documents - counts.awaited - counts.absent
    unsuccessful = counts.failed + counts.cancelled
    if arrived == 0:
        return DatasetStatus.UPLOADING
    if counts.unfinished or counts.awaited:
        return DatasetStatus.PROCESSING
    if unsuccessful == arrived:
        return DatasetStatus.FAILED
    return DatasetStatus.PARTIAL if unsuccessful else DatasetStatus.READY


def dataset_progress(counts: DatasetCounts) -> int:
    """Percent: what is done counts in full, failed or not; what is at work by its job's progress;
    what is still to arrive not at all."""
    expected = counts.documents - counts.absent
    if expected <= 0:
        return 0
    done = expected - counts.awaited - counts.unfinished
    return (100 * done + counts.unfinished_progress) // expected


def document_status(job_status: str | None) -> DocumentStatus:
    return DocumentStatus.UPLOADING if job_status is None else DocumentStatus(Status(job_status))


def retries(tries: int) -> int:
    """The tries after the first. Waiting for a dependency or a restart of a worker is no try."""
    return max(tries - 1, 0)
