"""What a repository raises; the API turns each into a problem."""

from typing import ClassVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


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


class AuditNotFound(NotFound):
    what = "audit"


class MessageNotFound(NotFound):
    what = "message in quarantine"


class CursorExpired(DbError):
    """Events behind this number were forgotten, or none ever had it."""

    def __init__(self, cursor: int) -> None:
        super().__init__(
            f"Not all events after {cursor} are kept. Begin without a cursor, and look anew at "
            "what you follow."
        )


class MessageConflict(DbError):
    """The message in quarantine makes no job, or has made one; the message says why."""


class JobConflict(DbError):
    """The job is not in a state in which this can be done; the message says which and why."""


class FenceRaised(DbError):
    """A write carried a fence that is no longer the job's: another owner, a cancel or a delete."""


def is_away(error: BaseException) -> bool:
    """Whether Postgres could not be reached, or gave way to somebody else (a deadlock, a lock).

    The same statement may well succeed later; any other error of the database would come again.
    """
    if isinstance(error, DBAPIError):
        # Class 40: rolled back in favour of another; 53, 55, 57: no room, a lock, shutting down.
        return (
            error.connection_invalidated
            or isinstance(error, OperationalError | InterfaceError)
            or _state(error.orig) in {"08", "40", "53", "55", "57"}
        )
    # The driver's connection attempts fail outside SQLAlchemy's wrapping.
    return isinstance(error, PoolTimeoutError | OSError) or _state(error) in {
        "08", "28", "3D", "53", "57",
    }  # fmt: skip


def _state(error: BaseException | None) -> str:
    """The class of an SQLSTATE; empty if the error has none."""
    return str(getattr(error, "sqlstate", None) or "")[:2]
