"""What the API itself refuses. Which HTTP answer each one becomes is `problems.py`'s to say."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one part of a request; `field` is a path such as `files.3.file_name`."""

    field: str
    message: str


class RequestRefused(Exception):
    """A request that cannot be served as it stands; the message says what to change."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unauthenticated(RequestRefused):
    """No API key, or none that is valid."""


class ReadOnlyKey(RequestRefused):
    """A key with the role `read_only` asks for a change."""

    def __init__(self) -> None:
        super().__init__("This API key may only read. Use a key with the role 'admin'.")


class OperatorOnly(RequestRefused):
    """A key without the role `operator` asks for what belongs to the deployment."""

    def __init__(self) -> None:
        super().__init__("This belongs to the deployment. Use a key with the role 'operator'.")


class CsrfTokenMissing(RequestRefused):
    """A browser's request to change something does not show that a page of ours has sent it."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(
            message or "Send the `csrf_token` of GET /api/v1/session as the header X-CSRF-Token."
        )


class TooManyLogins(RequestRefused):
    """An address that has failed to log in too often lately."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("Too many logins from this address have failed. Try again later.")
        self.retry_after = retry_after


class InvalidRequest(RequestRefused):
    """The request breaks a rule that its shape alone does not show."""

    def __init__(self, *errors: FieldError) -> None:
        super().__init__(" ".join(f"{error.field}: {error.message}." for error in errors))
        self.errors = errors


class ObjectNotFound(RequestRefused):
    """The bucket has no object of this key."""

    def __init__(self, object_key: str) -> None:
        super().__init__(f"There is no object {object_key} in the bucket. Upload it first.")


class ForeignObjectKey(RequestRefused):
    """The object key is not one of the dataset's."""

    def __init__(self, dataset_id: UUID) -> None:
        super().__init__(
            f"The object keys of this dataset are {dataset_id}/ followed by a file name."
        )


class MultipartNotFound(RequestRefused):
    """The upload in parts has ended, or is not one of this file."""

    def __init__(self) -> None:
        super().__init__(
            "There is no such upload of this file: it was completed, aborted, or dropped by the "
            "bucket after a week. Begin a new one."
        )


class MultipartIncomplete(RequestRefused):
    """The bucket does not have all the parts as they are named."""


class IdempotencyKeyReused(RequestRefused):
    """An `Idempotency-Key` that came before, with another request."""

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key came with another path or body before. "
            "Send a new key with a new request, and the same request with an old key."
        )


class IdempotencyKeyInUse(RequestRefused):
    """The request with this `Idempotency-Key` is being answered just now."""

    def __init__(self) -> None:
        super().__init__("The first request with this Idempotency-Key is not answered yet.")


class RequestTimedOut(RequestRefused):
    """The answer took longer than a request may."""

    def __init__(self) -> None:
        super().__init__("The request took too long and was given up. Try again later.")
