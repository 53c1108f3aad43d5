"""Milvus's errors in the pipeline's words.

The codes are Milvus's own (`internal/util/merr`); Milvus Lite uses a few older ones for the same.
"""

import grpc
from pymilvus.exceptions import MilvusException

from pipeline.errors import Dependency, DependencyError, DocumentError, PipelineError

COLLECTION_NOT_FOUND = 100
COLLECTION_NOT_LOADED = 101
# Invalid, missing or too large parameter; 6 is how Milvus Lite says the same.
REJECTED_CODES = frozenset({6, 1100, 1101, 1102})
# A bad address or token: not a passing fault, but nothing that a document did either.
DENIED = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})


class VectorStoreMisconfigured(DependencyError):
    """The store answers, but not as configured: wrong token, or a space of other dimensions."""

    code = "vector_store_misconfigured"

    def __init__(self, message: str) -> None:
        super().__init__(message, dependency=Dependency.VECTOR_STORE)


class RowRejected(DocumentError):
    """The store refuses what it was sent. Not the store's outage: it must not open a breaker."""

    code = "row_rejected"


def is_missing(error: Exception) -> bool:
    """Whether the collection does not exist (yet)."""
    return isinstance(error, MilvusException) and error.code == COLLECTION_NOT_FOUND


def is_unloaded(error: Exception) -> bool:
    """Whether the collection must be loaded first, as after a restart of Milvus Lite."""
    return isinstance(error, MilvusException) and error.code == COLLECTION_NOT_LOADED


def translate(error: MilvusException | grpc.RpcError, operation: str) -> PipelineError:
    """The pipeline's error for one of Milvus's; its text may quote rows, so it is not repeated."""
    if isinstance(error, MilvusException):
        if error.code in REJECTED_CODES:
            return RowRejected(f"the vector store rejected a {operation} (code {error.code})")
        detail = f"code {error.code}"
    else:
        status = error.code()
        if status in DENIED:
            return VectorStoreMisconfigured(f"the vector store denies access ({status.name})")
        detail = status.name
    return DependencyError(
        f"the vector store failed a {operation} ({detail})", dependency=Dependency.VECTOR_STORE
    )
