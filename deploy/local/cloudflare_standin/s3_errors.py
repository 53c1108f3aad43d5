"""Errors of R2's S3 API: a status, a code, and the XML that S3 clients read."""

from typing import ClassVar
from xml.sax.saxutils import escape


class S3Error(Exception):
    status: ClassVar[int]
    code: ClassVar[str]

    def xml(self) -> bytes:
        message = escape(str(self))
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{message}</Message></Error>"
        ).encode()


class AccessDenied(S3Error):
    status, code = 403, "AccessDenied"


class Unauthorized(S3Error):
    status, code = 401, "Unauthorized"


class SignatureDoesNotMatch(S3Error):
    status, code = 403, "SignatureDoesNotMatch"


class ExpiredRequest(S3Error):
    status, code = 403, "ExpiredRequest"


class RequestTimeTooSkewed(S3Error):
    status, code = 403, "RequestTimeTooSkewed"


class AuthorizationInvalid(S3Error):
    status, code = 400, "AuthorizationHeaderMalformed"


class QueryParametersInvalid(S3Error):
    status, code = 400, "AuthorizationQueryParametersError"


class InvalidArgument(S3Error):
    status, code = 400, "InvalidArgument"


class KeyTooLong(S3Error):
    status, code = 400, "KeyTooLongError"


class MalformedXml(S3Error):
    status, code = 400, "MalformedXML"


class EntityTooLarge(S3Error):
    status, code = 400, "EntityTooLarge"


class IncompleteBody(S3Error):
    status, code = 400, "IncompleteBody"


class ContentHashMismatch(S3Error):
    status, code = 400, "XAmzContentSHA256Mismatch"


class MissingContentLength(S3Error):
    status, code = 411, "MissingContentLength"


class PreconditionFailed(S3Error):
    status, code = 412, "PreconditionFailed"


class TooManyRequests(S3Error):
    status, code = 429, "TooManyRequests"


class InternalError(S3Error):
    status, code = 500, "InternalError"


class NotImplementedHere(S3Error):
    status, code = 501, "NotImplemented"


class BadGateway(S3Error):
    status, code = 502, "InternalError"


class SlowDown(S3Error):
    status, code = 503, "SlowDown"
