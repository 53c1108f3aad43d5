"""The object store's errors in the pipeline's words.

A wrong bucket, key or permission is told apart from an object that is not there: taken for the
latter, one mistyped setting would empty an index.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
from botocore.exceptions import BotoCoreError, ClientError

from pipeline.errors import Dependency, DependencyError

NOT_FOUND_CODES = frozenset({"NoSuchKey", "404", "NotFound"})
# Answers that no retry of the same request changes, whatever the object.
MISCONFIGURED_CODES = frozenset(
    {
        "AccessDenied",
        "AuthorizationHeaderMalformed",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "NoSuchBucket",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
        "Unauthorized",
    }
)
DENIED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class ObjectStoreMisconfigured(DependencyError):
    """The store answers, but not as configured: bucket, key or permission is wrong."""

    code = "object_store_misconfigured"

    def __init__(self, message: str) -> None:
        super().__init__(message, dependency=Dependency.OBJECT_STORE)


def unavailable(message: str, *, retry_after: timedelta | None = None) -> DependencyError:
    return DependencyError(message, dependency=Dependency.OBJECT_STORE, retry_after=retry_after)


def status_of(error: ClientError) -> int:
    """The HTTP status of an answer; 0 if the library does not say."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_not_found(error: ClientError) -> bool:
    """Whether the object is not there, as far as this answer tells."""
    return str(error.response.get("Error", {}).get("Code", "")) in NOT_FOUND_CODES


def is_precondition_failed(error: ClientError) -> bool:
    return status_of(error) == HTTPStatus.PRECONDITION_FAILED


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise DependencyError for whatever the library or the network raises inside."""
    try:
        yield
    except ClientError as error:
        raise _translate(error, operation) from error
    except (BotoCoreError, aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise unavailable(f"the object store failed a {operation} ({_kind(error)})") from error


def _translate(error: ClientError, operation: str) -> DependencyError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = status_of(error)
    if code in MISCONFIGURED_CODES or status in DENIED:
        return ObjectStoreMisconfigured(f"the object store refused a {operation} ({code})")
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return unavailable(
        f"the object store failed a {operation} ({code or status})",
        retry_after=parse_retry_after(headers.get("retry-after")),
    )


def parse_retry_after(value: str | None) -> timedelta | None:
    """The wait that a Retry-After header asks for, in seconds or as a date; None if it is none."""
    if not value:
        return None
    if value.isascii() and value.isdigit():
        return timedelta(seconds=int(value[:6]))
    try:
        due = parsedate_to_datetime(value)
    except ValueError:
        return None
    if due.tzinfo is None:
        due = due.replace(tzinfo=UTC)
    return max(due - datetime.now(UTC), timedelta(0))


def _kind(error: Exception) -> str:
    return type(error).__name__
