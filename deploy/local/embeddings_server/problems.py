"""OpenAI's error answers: status, envelope and codes, as its SDKs read them."""

from typing import ClassVar


class ApiError(Exception):
    """An answer that is not vectors; `{"error": {message, type, param, code}}` on the wire."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str | None] = None

    def __init__(
        self, message: str, *, param: str | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_seconds = retry_after_seconds

    def envelope(self, *, flat: bool = False) -> dict[str, object]:
        """`flat` is vLLM's."""
        if flat:
            return {
                "object": "error",
                "message": self.message,
                "type": "BadRequestError",
                "param": None,
                "code": self.status,
            }
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


class InvalidRequest(ApiError):
    pass


class RequestTokensExceeded(ApiError):
    type = "max_tokens_per_request"
    code = "max_tokens_per_request"


class InvalidApiKey(ApiError):
    status = 401
    code = "invalid_api_key"


class ModelNotFound(ApiError):
    status = 404
    code = "model_not_found"


class UnknownUrl(ApiError):
    status = 404
    code = "unknown_url"


class MethodNotSupported(ApiError):
    status = 405
    code = "method_not_supported"


class PayloadTooLarge(ApiError):
    status = 413


class RateLimited(ApiError):
    status = 429
    type = "requests"
    code = "rate_limit_exceeded"


class QuotaExhausted(ApiError):
    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class ServerFailed(ApiError):
    status = 500
    type = "server_error"


class Overloaded(ApiError):
    status = 503
    type = "server_error"
