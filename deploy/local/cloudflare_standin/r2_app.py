"""The server on the R2 port: checks the signature, then sends each call to its handler.

It is a bare server without routes, because a router would decode and tidy the path, and a key may
hold anything.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog
from aiohttp import ClientError, web

from cloudflare_standin.cors import Cors
from cloudflare_standin.exchange import Exchange, error_reply
from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.multipart import MultipartUploads
from cloudflare_standin.object_reads import ObjectReads
from cloudflare_standin.object_writes import ObjectWrites
from cloudflare_standin.s3_errors import (
    BadGateway,
    InternalError,
    NotImplementedHere,
    S3Error,
    SlowDown,
    TooManyRequests,
)
from cloudflare_standin.signatures import Credentials, verify
from cloudflare_standin.target import WireRequest, target_of
from cloudflare_standin.upstream import Upstream

Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]

# These do not choose the call: the name of the operation, and the paging of a listing.
_HARMLESS_QUERY = frozenset({"x-id", "max-parts", "part-number-marker"})

log = structlog.get_logger()


class R2App:
    def __init__(
        self,
        *,
        credentials: Credentials,
        upstream: Upstream,
        reads: ObjectReads,
        writes: ObjectWrites,
        uploads: MultipartUploads,
        cors: Cors,
        faults: FaultBoard,
    ) -> None:
        self._credentials = credentials
        self._upstream = upstream
        self._reads = reads
        self._writes = writes
        self._cors = cors
        self._faults = faults
        upload = frozenset({"uploadId"})
        # By method and the names in the query, which is how S3 tells its calls apart.
        self._object_calls: dict[tuple[str, frozenset[str]], Handler] = {
            ("GET", frozenset()): reads.read,
            ("HEAD", frozenset()): reads.read,
            ("PUT", frozenset()): self._put,
            ("DELETE", frozenset()): writes.delete,
            ("POST", frozenset({"uploads"})): uploads.create,
            ("PUT", upload | {"partNumber"}): uploads.put_part,
            ("GET", upload): reads.list_objects,
            ("POST", upload): uploads.complete,
            ("DELETE", upload): uploads.abort,
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return self._cors.preflight(request)
        if request.method == "GET" and request.raw_path == "/healthz":
            return await self._health()
        cors = self._cors.headers(request)
        try:
            exchange = self._verified(request, cors)
            await _let_body_come(request)
            return await self._dispatch(exchange)
        except S3Error as exc:
            return self._refuse(request, exc, cors)
        except ClientError as exc:
            log.warning("upstream.failed", error=type(exc).__name__)
            error: S3Error = BadGateway("The local object store broke off")
        except Exception:
            log.exception("request.failed", method=request.method)
            error = InternalError("We encountered an internal error")
        return error_reply(error, cors)

    def _verified(self, request: web.BaseRequest, cors: Mapping[str, str]) -> Exchange:
        path, _, query = request.raw_path.partition("?")
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        wire = WireRequest(request.method, path, query, headers)
        if self._faults.take("objects_to_fail"):
            raise self._failure()
        payload_hash = verify(wire, self._credentials, datetime.now(UTC))
        if payload_hash.startswith("STREAMING-"):
            # R2 refuses the trailers that newer SDKs send unless told not to.
            raise NotImplementedHere(f"x-amz-content-sha256: {payload_hash} is not implemented")
        return Exchange(
            request, wire, target_of(path), dict(wire.query_pairs()), payload_hash, cors
        )

    async def _dispatch(self, exchange: Exchange) -> web.StreamResponse:
        if not exchange.target.spelled:
            return await self._dispatch_bucket(exchange)
        query = frozenset(
            name
            for name in exchange.query
            if not name.startswith(("X-Amz-", "response-")) and name not in _HARMLESS_QUERY
        )
        handler = self._object_calls.get((exchange.wire.method, query))
        if handler is None:
            raise NotImplementedHere("the local stand-in does not implement this call")
        return await handler(exchange)

    async def _put(self, exchange: Exchange) -> web.StreamResponse:
        if exchange.wire.header("x-amz-copy-source") is not None:
            return await self._writes.copy(exchange)
        return await self._writes.put(exchange)

    async def _dispatch_bucket(self, exchange: Exchange) -> web.StreamResponse:
        match exchange.wire.method:
            case "GET" | "HEAD":
                return await self._reads.list_objects(exchange)
            case "POST" if "delete" in exchange.query:
                return await self._writes.delete_many(exchange)
            case "PUT" if exchange.target.bucket and not exchange.wire.query:
                return await self._writes.create_bucket(exchange)
        raise NotImplementedHere("the local stand-in does not implement this call")

    async def _health(self) -> web.Response:
        if await self._upstream.is_ready():
            return web.json_response({"status": "ok"})
        return web.json_response({"status": "the S3 server does not answer"}, status=503)

    def _refuse(
        self, request: web.BaseRequest, error: S3Error, cors: Mapping[str, str]
    ) -> web.Response:
        log.info("request.refused", method=request.method, code=error.code, status=error.status)
        headers = dict(cors)
        if isinstance(error, SlowDown | TooManyRequests):
            headers["Retry-After"] = str(self._faults.current.retry_after_seconds)
        return error_reply(error, headers)

    def _failure(self) -> S3Error:
        match self._faults.current.object_status:
            case 429:
                return TooManyRequests("Reduce your concurrent request rate")
            case 500:
                return InternalError("We encountered an internal error")
            case 503:
                return SlowDown("Reduce your request rate")


async def _let_body_come(request: web.BaseRequest) -> None:
    """Answer a client that waits for leave to send; some S3 clients wait without end."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # not a part of the answer
