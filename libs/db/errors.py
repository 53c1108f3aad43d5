"""What a repository raises; the API turns each into a problem."""

from typing import ClassVar
from uuid import UUID


class DbError(Exception):
    """Anything a repository raises on purpose."""


class NotFound(DbError):
    """There is no such row, or it belongs to another tenant: the two are told apart nowhere."""

    what: ClassVar[str] = "thing"

    def __init__(self, identifier: UUID | str) -> None:
        super().__init__(f"There is no {self.what} {identifier}.")


class DatasetNotFound(NotFound):
    what = "dataset"


class DocumentNotFound(NotFound):
    what = "document"


class JobNotFound(NotFound):
    what = "job"


class JobConflict(DbError):
    """The job is not in a state in which this can be done; the message says which and why."""


class FenceRaised(DbError):
    """A write carried a fence that is no longer the job's: another owner, a cancel or a delete."""
