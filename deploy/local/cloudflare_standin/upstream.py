"""The S3 server behind the proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

from aiohttp import (
    ClientConnectionError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    TCPConnector,
)
from yarl import URL

from cloudflare_standin.s3_errors import BadGateway
from cloudflare_standin.signatures import Credentials, encode_path, encode_query, sign
from cloudflare_standin.spool import Spool
from cloudflare_standin.target import WireRequest

CONNECT_SECONDS = 5
# The server reads a whole object for its hash before it answers: minutes for some gigabytes.
ANSWER_SECONDS = 900
CONNECTIONS_MAX = 256


@dataclass(frozen=True, slots=True)
class ObjectState:
    etag: str  # quoted
    size: int


class Upstream:
    def __init__(self, url: str, credentials: Credentials) -> None:
        self._url = url.rstrip("/")
        self._host = urlsplit(url).netloc
        self._credentials = credentials
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(limit=CONNECTIONS_MAX),
            timeout=ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
            ),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept-Encoding", "Accept"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def request(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: list[tuple[str, str]] | None = None,
        headers: dict[str, str] | None = None,
        body: Spool | bytes | None = None,
    ) -> AsyncIterator[ClientResponse]:
        """Header names in lower case. Raise BadGateway if there is no answer at all."""
        if self._session is None:
            raise RuntimeError("the upstream is used before it is entered")
        path = encode_path(f"/{bucket}/{key}" if key else f"/{bucket}")
        wire = WireRequest(
            method,
            path,
            encode_query(query or []),
            tuple({**(headers or {}), "host": self._host}.items()),
        )
        sent = {**dict(wire.headers), **sign(wire, self._credentials, datetime.now(UTC))}
        if body is not None:
            sent["content-length"] = str(body.length if isinstance(body, Spool) else len(body))
        url = URL(f"{self._url}{path}" + (f"?{wire.query}" if wire.query else ""), encoded=True)
        try:
            response = await self._session.request(method, url, headers=sent, data=body)
        except (ClientConnectionError, TimeoutError) as exc:
            raise BadGateway("The local object store does not answer") from exc
        async with response:
            yield response

    async def state(self, bucket: str, key: str) -> ObjectState | None:
        """None if there is no such object. Raise BadGateway for any other answer than yes or no."""
        async with self.request("HEAD", bucket, key) as response:
            if response.status == 404:
                return None
            if response.status != 200:
                raise BadGateway(f"The local object store answered {response.status} to a HEAD")
            return ObjectState(
                response.headers.get("ETag", ""), int(response.headers["Content-Length"])
            )

    async def is_ready(self) -> bool:
        """True if it answers and takes our credentials."""
        try:
            async with self.request("GET", "", "") as response:
                return response.status == 200
        except BadGateway:
            return False
