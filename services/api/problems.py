"""The one place where errors become HTTP answers: problem+json after RFC 9457.

`code` and `type` are stable and meant for programs, `detail` is for people and may change. What
nobody foresaw becomes a 500 that names the request, so that its log lines can be found, and
nothing else.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import ExceptionHandlersMap

from api.errors import (
    CsrfTokenMissing,
    FieldError,
    ForeignObjectKey,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidRequest,
    MultipartIncomplete,
    MultipartNotFound,
    ObjectNotFound,
    OperatorOnly,
    ReadOnlyKey,
    RequestRefused,
    RequestTimedOut,
    TooManyLogins,
    Unauthenticated,
)
from api.wording import in_words
from db.errors import (
    AuditNotFound,
    CursorExpired,
    DatasetNotFound,
    DocumentNotFound,
    JobConflict,
    JobNotFound,
    MessageConflict,
    MessageNotFound,
    is_away,
)
from pipeline.embed.errors import EmbeddingInputRejected
from pipeline.errors import DependencyError
from pipeline.questions import ImageSearchNotConfigured

log = structlog.get_logger()

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = timedelta(seconds=5)  # where the dependency itself names no time
RETRY_AFTER_MAX = timedelta(hours=1)
ERRORS_MAX = 50  # of one answer: a thousand bad file names need no thousand lines
TYPE_PREFIX = "urn:sluice:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """A problem's unchanging part."""

    status: HTTPStatus
    code: str
    title: str


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with the request."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ProblemView:
    """An error as RFC 9457 lays it out; `errors` is there when the request was not valid."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[FieldProblem] | None = None


INVALID = Kind(HTTPStatus.BAD_REQUEST, "invalid_request", "The request is not valid")
INTERNAL = Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here")
UNAVAILABLE = Kind(
    HTTPStatus.SERVICE_UNAVAILABLE, "dependency_unavailable", "A part of the service is unavailable"
)

KINDS: Mapping[type[Exception], Kind] = {
    Unauthenticated: Kind(HTTPStatus.UNAUTHORIZED, "unauthenticated", "A valid API key is needed"),
    ReadOnlyKey: Kind(HTTPStatus.FORBIDDEN, "read_only_key", "The API key may only read"),
    OperatorOnly: Kind(HTTPStatus.FORBIDDEN, "operator_only", "The API key is no operator's"),
    CsrfTokenMissing: Kind(
        HTTPStatus.FORBIDDEN, "csrf_token_missing", "The request is not the page's own"
    ),
    TooManyLogins: Kind(
        HTTPStatus.TOO_MANY_REQUESTS, "too_many_logins", "Too many logins have failed"
    ),
    InvalidRequest: INVALID,
    ForeignObjectKey: Kind(
        HTTPStatus.BAD_REQUEST, "foreign_object_key", "The object is not the dataset's"
    ),
    ObjectNotFound: Kind(HTTPStatus.NOT_FOUND, "object_not_found", "There is no such object"),
    MultipartNotFound: Kind(
        HTTPStatus.NOT_FOUND, "multipart_not_found", "There is no such upload in parts"
    ),
    MultipartIncomplete: Kind(
        HTTPStatus.CONFLICT, "multipart_incomplete", "Parts of the upload are missing"
    ),
    DatasetNotFound: Kind(HTTPStatus.NOT_FOUND, "dataset_not_found", "There is no such dataset"),
    DocumentNotFound: Kind(HTTPStatus.NOT_FOUND, "document_not_found", "There is no such document"),
    JobNotFound: Kind(HTTPStatus.NOT_FOUND, "job_not_found", "There is no such job"),
    JobConflict: Kind(HTTPStatus.CONFLICT, "job_conflict", "The job's state does not allow this"),
    AuditNotFound: Kind(HTTPStatus.NOT_FOUND, "audit_not_found", "There is no such audit"),
    CursorExpired: Kind(
        HTTPStatus.GONE, "cursor_expired", "Events after this cursor are not kept any more"
    ),
    MessageNotFound: Kind(HTTPStatus.NOT_FOUND, "message_not_found", "There is no such message"),
    MessageConflict: Kind(HTTPStatus.CONFLICT, "message_conflict", "The message makes no job"),
    IdempotencyKeyInUse: Kind(
        HTTPStatus.CONFLICT, "idempotency_key_in_use", "The same request is being answered"
    ),
    IdempotencyKeyReused: Kind(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The Idempotency-Key came with another request",
    ),
    EmbeddingInputRejected: Kind(
        HTTPStatus.BAD_REQUEST, "query_rejected", "The embedding model does not take this query"
    ),
    ImageSearchNotConfigured: Kind(
        HTTPStatus.CONFLICT, "image_search_not_configured", "Images have no vectors here"
    ),
    RequestTimedOut: Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "request_timed_out", "The request took too long"
    ),
}
FRAMEWORK_KINDS: Mapping[int, Kind] = {
    HTTPStatus.BAD_REQUEST: INVALID,
    HTTPStatus.NOT_FOUND: Kind(
        HTTPStatus.NOT_FOUND, "unknown_path", "There is nothing at this address"
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Kind(
        HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "The method is not allowed here"
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Kind(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", "The request's body is too large"
    ),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: Kind(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "The body must be JSON"
    ),
}
FRAMEWORK_DETAILS: Mapping[int, str] = {
    HTTPStatus.NOT_FOUND: "Check the path; /docs lists every one, and identifiers are UUIDs.",
    HTTPStatus.METHOD_NOT_ALLOWED: "Another method exists at this path; /docs lists them all.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "A body may have 1 MiB, a search with its image 3 MiB. Files go to the bucket by their "
        "upload URLs, not through the API."
    ),
}


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemView]:
    """The answer for an error that left a handler, a guard, a middleware or the routing."""
    return _response(error, request_id=str(request.scope["state"].get("request_id", "")))


def documented(
    *errors: type[Exception], takes_body: bool = False, takes_key: bool = False
) -> dict[int, ResponseSpec]:
    """These problems, and those of every path, for the OpenAPI document.

    `takes_key`: the request may carry an `Idempotency-Key`.
    """
    kinds = [INVALID, KINDS[Unauthenticated], INTERNAL, UNAVAILABLE]
    kinds += [KINDS[error] for error in errors]
    if takes_key:
        kinds += [KINDS[IdempotencyKeyInUse], KINDS[IdempotencyKeyReused]]
    if takes_body:
        kinds.append(FRAMEWORK_KINDS[HTTPStatus.REQUEST_ENTITY_TOO_LARGE])
    described: dict[int, list[str]] = {}
    for kind in kinds:
        described.setdefault(kind.status, []).append(kind.title)
    return {
        int(status): ResponseSpec(
            ProblemView,
            description=". ".join(dict.fromkeys(titles)) + ".",
            media_type=PROBLEM_MEDIA_TYPE,
            generate_examples=False,
        )
        for status, titles in described.items()
    }


def _response(error: Exception, *, request_id: str) -> Response[ProblemView]:
    kind, detail, errors = _explain(error)
    view = ProblemView(
        type=TYPE_PREFIX + kind.code.replace("_", "-"),
        title=kind.title,
        status=int(kind.status),
        detail=detail,
        code=kind.code,
        request_id=request_id,
        errors=None if errors is None else [FieldProblem(e.field, e.message) for e in errors],
    )
    return Response(
        view,
        status_code=int(kind.status),
        media_type=PROBLEM_MEDIA_TYPE,
        headers=_headers(kind, error),
    )


Explanation = tuple[Kind, str, list[FieldError] | None]


def _explain(error: Exception) -> Explanation:
    """Which problem an error is, a sentence about it, and what is wrong with which field."""
    if isinstance(error, InvalidRequest):
        return INVALID, error.message, list(error.errors[:ERRORS_MAX])
    known = KINDS.get(type(error))
    if known is not None:
        detail = error.message if isinstance(error, RequestRefused) else str(error)
        return known, detail, None
    explained = _explain_outage(error) or _explain_framework(error)
    if explained is not None:
        return explained
    log.error("request.failed", exc_info=error)
    return INTERNAL, "This is a fault of the service; its log has more under the request id.", None


def _explain_outage(error: Exception) -> Explanation | None:
    if isinstance(error, DependencyError):
        kind = Kind(UNAVAILABLE.status, error.code, UNAVAILABLE.title)
        log.warning("dependency.unavailable", dependency=error.dependency, error_code=error.code)
        return kind, f"{error.message.rstrip('.')}. Try again later.", None
    if is_away(error):
        log.warning("dependency.unavailable", dependency="database", error=type(error).__name__)
        return UNAVAILABLE, "The database does not answer now. Try again later.", None
    return None


def _explain_framework(error: Exception) -> Explanation | None:
    if isinstance(error, RecursionError) and "deserializing" in str(error):
        return INVALID, "The JSON of the body is nested too deeply.", None
    kind = FRAMEWORK_KINDS.get(error.status_code) if isinstance(error, HTTPException) else None
    if kind is None or not isinstance(error, HTTPException):
        return None
    if isinstance(error, ValidationException):
        errors = [_field_error(item) for item in error.extra or [] if isinstance(item, dict)]
        errors = errors or [FieldError("request", error.detail)]
        detail = "; ".join(f"{item.field}: {item.message}" for item in errors[:3])
        return kind, detail, errors[:ERRORS_MAX]
    return kind, FRAMEWORK_DETAILS.get(error.status_code, error.detail), None


def _field_error(item: Mapping[str, str]) -> FieldError:
    """The framework calls the body `data`, and says no more than that if there is none."""
    field, message = item.get("key", "body"), in_words(item["message"])
    if field == "data":
        return FieldError("body", "must be JSON" if message == "'data'" else message)
    return FieldError(field, message)


def _headers(kind: Kind, error: Exception) -> dict[str, str]:
    if kind.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": 'Bearer realm="sluice"'}
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        told = error.retry_after if isinstance(error, DependencyError) else None
        wait = min(told or RETRY_AFTER, RETRY_AFTER_MAX)
        return {"Retry-After": str(max(1, round(wait.total_seconds())))}
    if isinstance(error, TooManyLogins):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after.total_seconds())))}
    if isinstance(error, IdempotencyKeyInUse):
        return {"Retry-After": "1"}
    if isinstance(error, HTTPException) and error.headers:
        return {name: value for name, value in error.headers.items() if name.lower() == "allow"}
    return {}


EXCEPTION_HANDLERS: ExceptionHandlersMap = {Exception: problem_response}
