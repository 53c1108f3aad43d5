"""GetObject, HeadObject and listings: streamed through, with R2's conditions."""

import asyncio

import structlog
from aiohttp import ClientError, ClientResponse, web

from cloudflare_standin.conditions import etag_matches
from cloudflare_standin.exchange import Exchange, passed_headers
from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.key_gate import KeyGate, Reading
from cloudflare_standin.s3_errors import PreconditionFailed
from cloudflare_standin.s3_xml import quote_etags
from cloudflare_standin.spool import CHUNK_BYTES
from cloudflare_standin.target import fold
from cloudflare_standin.upstream import Upstream

_FORWARDED = ("range", "if-none-match", "if-modified-since", "if-unmodified-since")
_KEYS_IN_QUERY = frozenset({"prefix", "start-after", "marker"})

log = structlog.get_logger()


class ObjectReads:
    def __init__(self, upstream: Upstream, gate: KeyGate, faults: FaultBoard) -> None:
        self._upstream = upstream
        self._gate = gate
        self._faults = faults

    async def read(self, exchange: Exchange) -> web.StreamResponse:
        """GET or HEAD of an object."""
        target = exchange.target
        headers = {
            name: value for name in _FORWARDED if (value := exchange.wire.header(name)) is not None
        }
        async with (
            self._gate.reading((target.bucket, target.key)) as reading,
            self._upstream.request(
                exchange.wire.method,
                target.bucket,
                target.key,
                query=plain_query(exchange),
                headers=headers,
            ) as response,
        ):
            wanted = exchange.wire.header("if-match")
            etag = response.headers.get("ETag", "")
            # Checked on the answer itself, so nothing can change in between.
            if wanted is not None and response.ok and not etag_matches(wanted, etag):
                raise PreconditionFailed("The object is not the version given in If-Match")
            return await _stream(exchange, response, reading, self._faults)

    async def list_objects(self, exchange: Exchange) -> web.Response:
        """GET or HEAD of a bucket or the account, and the parts of an upload."""
        query = [
            (name, fold(value) if name in _KEYS_IN_QUERY else value)
            for name, value in plain_query(exchange)
        ]
        target = exchange.target
        async with self._upstream.request(
            exchange.wire.method, target.bucket, target.key, query=query
        ) as response:
            body = quote_etags(await response.read())
            return exchange.reply(response.status, passed_headers(response), body)


def plain_query(exchange: Exchange) -> list[tuple[str, str]]:
    """The query without the client's signature."""
    return [pair for pair in exchange.wire.query_pairs() if not pair[0].startswith("X-Amz-")]


async def _stream(
    exchange: Exchange, response: ClientResponse, reading: Reading, faults: FaultBoard
) -> web.StreamResponse:
    # The local object store sends the right part of an object with the wrong status.
    is_part = response.status == 200 and "Content-Range" in response.headers
    answer = web.StreamResponse(
        status=206 if is_part else response.status,
        headers={**passed_headers(response), **exchange.cors},
    )
    if response.content_length is not None:
        answer.content_length = response.content_length
    await answer.prepare(exchange.request)
    if exchange.wire.method == "HEAD":
        return answer
    cut = bool(response.ok and faults.take("downloads_to_cut"))
    slow = bool(response.ok and faults.take("downloads_to_slow"))
    try:
        if cut or slow:
            first = await response.content.read(CHUNK_BYTES)
            await answer.write(first[: len(first) // 2])
            if slow:
                await asyncio.sleep(faults.current.download_pause_seconds)
            if cut:
                log.info("download.cut_off", reason="switched")
                _cut_off(exchange)
                return answer
            await answer.write(first[len(first) // 2 :])
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            if reading.torn:
                log.info("download.cut_off", reason="the object is being replaced")
                _cut_off(exchange)
                return answer
            await answer.write(chunk)
        await answer.write_eof()
    except ConnectionError:
        log.info("download.abandoned")  # the client went away
    except ClientError as exc:
        log.warning("download.cut_off", reason=type(exc).__name__)
        _cut_off(exchange)
    return answer


def _cut_off(exchange: Exchange) -> None:
    """End the connection before the promised length: the client sees a broken download."""
    if exchange.request.transport is not None:
        exchange.request.transport.abort()
