"""What can go wrong, on one screen. `code` is the API's, or one of ours where no API answered.

Codes never change and are listed in docs/errors.md; messages are for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class SluiceError(Exception):
    """Anything that this library raises."""

    code = "client_error"


class NotConfigured(SluiceError):
    """No address or no key is known, or the profile cannot be read."""

    code = "not_configured"


class NothingToUpload(SluiceError):
    """The paths name no file, or two files of one name."""

    code = "nothing_to_upload"


class Unreachable(SluiceError):
    """No answer came, however often it was tried."""

    code = "unreachable"


class UnexpectedAnswer(SluiceError):
    """Something answered that is not the API, or not one that this version knows."""

    code = "unexpected_answer"


class UploadRefused(SluiceError):
    """The bucket did not take a file, or the file changed while it was being sent."""

    def __init__(self, message: str, *, code: str = "upload_refused") -> None:
        super().__init__(message)
        self.code = code


class WaitTimedOut(SluiceError):
    """The work was not done in the time given; it goes on."""

    code = "wait_timed_out"


class NoLiveEvents(SluiceError):
    """The server has no socket for events, or something on the way lets none through."""

    code = "no_live_events"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    field: str
    message: str


class ApiError(SluiceError):
    """The API refused, with a problem after RFC 9457. `str(error)` is its `detail`."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        detail = problem.get("detail") or problem.get("title") or f"the API answered {status}"
        super().__init__(str(detail))
        self.status = status
        self.code = str(problem.get("code") or "unknown")
        self.request_id = str(problem.get("request_id") or "")
        self.errors = tuple(
            FieldProblem(str(each.get("field", "")), str(each.get("message", "")))
            for each in problem.get("errors") or ()
            if isinstance(each, dict)
        )


class InvalidRequest(ApiError):
    """400, 413, 415, 422: it must be put differently. `errors` names the fields."""


class Unauthenticated(ApiError):
    """401: no key, or none that is valid."""


class Forbidden(ApiError):
    """403: the key may not do this."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the state does not allow it."""


class Unavailable(ApiError):
    """429, or 5xx: later it may work. Where that helps it was tried again already."""


KINDS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: Unavailable,
}


def api_error(status: int, problem: Mapping[str, Any]) -> ApiError:
    default = Unavailable if status >= 500 else ApiError
    return KINDS.get(status, default)(status, problem)
