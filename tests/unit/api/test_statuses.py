"""What a dataset's state and progress follow from."""

import pytest

from api.statuses import (
    DatasetStatus,
    DocumentStatus,
    dataset_progress,
    dataset_status,
    document_status,
    retries,
)
from db.repositories.datasets import DatasetCounts


@pytest.mark.parametrize(
    ("counts", "status", "progress"),
    [
        (DatasetCounts(), DatasetStatus.UPLOADING, 0),
        (DatasetCounts(documents=2, awaited=2), DatasetStatus.UPLOADING, 0),
        (DatasetCounts(documents=2, absent=2), DatasetStatus.UPLOADING, 0),
        (DatasetCounts(documents=2, awaited=1, completed=1), DatasetStatus.PROCESSING, 50),
        (DatasetCounts(documents=2, absent=1, completed=1), DatasetStatus.READY, 100),
        (
            DatasetCounts(documents=2, unfinished=1, unfinished_progress=50, completed=1),
            DatasetStatus.PROCESSING,
            75,
        ),
        (DatasetCounts(documents=2, completed=2), DatasetStatus.READY, 100),
        (DatasetCounts(documents=2, completed=1, failed=1), DatasetStatus.PARTIAL, 100),
        (DatasetCounts(documents=2, completed=1, cancelled=1), DatasetStatus.PARTIAL, 100),
        (DatasetCounts(documents=2, failed=1, cancelled=1), DatasetStatus.FAILED, 100),
        (DatasetCounts(documents=2, failed=1, absent=1), DatasetStatus.FAILED, 100),
    ],
)
def test_a_datasets_status_follows_from_its_documents(
    counts: DatasetCounts, status: DatasetStatus, progress: int
) -> None:
    assert (dataset_status(counts), dataset_progress(counts)) == (status, progress)


def test_a_document_without_a_job_is_uploading() -> None:
    assert document_status(None) is DocumentStatus.UPLOADING
    assert document_status("failed") is DocumentStatus.FAILED


def test_the_first_try_is_no_retry() -> None:
    assert [retries(tries) for tries in (0, 1, 2)] == [0, 0, 1]
