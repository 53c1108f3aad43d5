"""Sluice from Python.

    from sluice import Client

    with Client() as client:  # SLUICE_API_URL and SLUICE_API_KEY, or a profile
        report = client.upload("papers/", dataset="papers")
        for hit in client.search("what is it about", dataset="papers").hits:
            print(hit.file_name, hit.page, hit.text)

`AsyncClient` has the same methods as coroutines. Everything raised is a `SluiceError`.
"""

from sluice.async_client import AsyncClient
from sluice.client import Client
from sluice.configuration import Configuration
from sluice.errors import (
    ApiError,
    Conflict,
    Forbidden,
    InvalidRequest,
    NoLiveEvents,
    NotConfigured,
    NotFound,
    NothingToUpload,
    SluiceError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    UploadRefused,
    WaitTimedOut,
)
from sluice.resources import AmbiguousName, DatasetMissing
from sluice.retrying import Retries
from sluice.uploading.board import FileProgress, FileState, UploadReport
from sluice.version import VERSION

__version__ = VERSION

__all__ = [
    "AmbiguousName",
    "ApiError",
    "AsyncClient",
    "Client",
    "Configuration",
    "Conflict",
    "DatasetMissing",
    "FileProgress",
    "FileState",
    "Forbidden",
    "InvalidRequest",
    "NoLiveEvents",
    "NotConfigured",
    "NotFound",
    "NothingToUpload",
    "Retries",
    "SluiceError",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
    "UploadRefused",
    "UploadReport",
    "WaitTimedOut",
    "__version__",
]
