"""Errors of the Queues API, as Cloudflare answers them: a status, a numeric code, a sentence."""

from typing import ClassVar


class ApiError(Exception):
    status: ClassVar[int]
    code: ClassVar[int]

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.headers = headers or {}


class NotAuthenticated(ApiError):
    status, code = 401, 10000


class NoRoute(ApiError):
    status, code = 404, 7003


class QueueNotFound(ApiError):
    status, code = 404, 10104


class QueueIdMalformed(ApiError):
    status, code = 404, 10107


class ConsumerNotFound(ApiError):
    """The status is documented, the code is ours."""

    status, code = 404, 10404


class MethodNotAllowed(ApiError):
    status, code = 405, 7001


class PullNotEnabled(ApiError):
    """The queue has no http_pull consumer. The status is documented by users, the code is ours."""

    status, code = 405, 10405


class DeliveryPaused(ApiError):
    """The status and the word queue_delivery_paused are documented, the code is ours."""

    status, code = 409, 10409


class AlreadyExists(ApiError):
    status, code = 409, 10409


class BodyInvalid(ApiError):
    """A pull or acknowledgement whose body has the wrong shape."""

    status, code = 400, 10026


class SchemaInvalid(ApiError):
    status, code = 400, 10207


class JsonInvalid(ApiError):
    status, code = 400, 10208


class DelayInvalid(ApiError):
    status, code = 400, 10202


class Overloaded(ApiError):
    status, code = 429, 10250


class Unavailable(ApiError):
    status, code = 503, 15000


class Unknown(ApiError):
    status, code = 500, 15000
