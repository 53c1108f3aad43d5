"""One verified request to the S3 API, and the ways to answer it."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import ClientResponse, web

from cloudflare_standin.s3_errors import S3Error
from cloudflare_standin.target import Target, WireRequest

# What describes an object or an answer. All else of the upstream's headers is about its own
# connection, or repeats the uploader's request.
_PASSED_ON = frozenset(
    {
        "accept-ranges",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-range",
        "content-type",
        "etag",
        "expires",
        "last-modified",
        "x-amz-request-id",
    }
)
USER_METADATA = "x-amz-meta-"


@dataclass(frozen=True, slots=True)
class Exchange:
    request: web.BaseRequest
    wire: WireRequest
    target: Target
    query: Mapping[str, str]
    payload_hash: str
    cors: Mapping[str, str]

    def reply(
        self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> web.Response:
        return web.Response(status=status, headers={**(headers or {}), **self.cors}, body=body)

    async def pass_on(self, response: ClientResponse) -> web.Response:
        """Answer with a small upstream answer as it is."""
        return self.reply(response.status, passed_headers(response), await response.read())


def passed_headers(response: ClientResponse) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name.lower() in _PASSED_ON or name.lower().startswith(USER_METADATA)
    }


def error_reply(error: S3Error, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        status=error.status,
        headers={**headers, "Content-Type": "application/xml"},
        body=error.xml(),
    )
