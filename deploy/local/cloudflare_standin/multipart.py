"""Multipart uploads. Only their completion changes an object, so only that makes an event."""

from pathlib import Path

from aiohttp import web

from cloudflare_standin.conditions import Conditions
from cloudflare_standin.events import Notifier, ObjectEvent
from cloudflare_standin.exchange import Exchange, passed_headers
from cloudflare_standin.key_gate import KeyGate
from cloudflare_standin.s3_errors import NotImplementedHere
from cloudflare_standin.s3_xml import is_error, replace_etag
from cloudflare_standin.spool import receive, spool_file
from cloudflare_standin.upstream import Upstream
from cloudflare_standin.writing import check_conditions, described, small_body, written_state


class MultipartUploads:
    def __init__(
        self, upstream: Upstream, gate: KeyGate, notifier: Notifier, *, spool_folder: Path
    ) -> None:
        self._upstream = upstream
        self._gate = gate
        self._notifier = notifier
        self._spool_folder = spool_folder

    async def create(self, exchange: Exchange) -> web.Response:
        await check_conditions(self._upstream, exchange, Conditions.of_write(exchange.wire))
        target = exchange.target
        async with self._upstream.request(
            "POST",
            target.bucket,
            target.key,
            query=[("uploads", "")],
            headers=described(exchange),
            body=b"",
        ) as response:
            return await exchange.pass_on(response)

    async def put_part(self, exchange: Exchange) -> web.Response:
        target = exchange.target
        if exchange.wire.header("x-amz-copy-source") is not None:
            raise NotImplementedHere("the local object store cannot copy into a part")
        with spool_file(self._spool_folder) as file:
            body = await receive(
                exchange.request.content,
                file,
                content_length=exchange.request.content_length,
                payload_hash=exchange.payload_hash,
            )
            query = [(name, exchange.query[name]) for name in ("partNumber", "uploadId")]
            async with self._upstream.request(
                "PUT",
                target.bucket,
                target.key,
                query=query,
                headers=described(exchange),
                body=body,
            ) as response:
                return await exchange.pass_on(response)

    async def complete(self, exchange: Exchange) -> web.Response:
        conditions = Conditions.of_write(exchange.wire)
        parts = await small_body(exchange, self._spool_folder)
        target = exchange.target
        async with self._gate.writing([(target.bucket, target.key)]) as writing:
            await check_conditions(self._upstream, exchange, conditions)
            writing.begin()
            async with self._upstream.request(
                "POST",
                target.bucket,
                target.key,
                query=[("uploadId", exchange.query["uploadId"])],
                body=parts,
            ) as response:
                answer = await response.read()
                if not response.ok or is_error(answer):
                    return await exchange.pass_on(response)
                # The upstream names one ETag here and another at every later look: the later one
                # is what a client can compare with, so it goes into the answer and the event.
                state = await written_state(self._upstream, exchange)
                event = ObjectEvent(
                    "CompleteMultipartUpload", target.spelled, state.size, state.etag.strip('"')
                )
                await self._notifier.notify(target.bucket, [event])
                body = replace_etag(answer, state.etag)
                return exchange.reply(response.status, passed_headers(response), body)

    async def abort(self, exchange: Exchange) -> web.Response:
        target = exchange.target
        query = [("uploadId", exchange.query["uploadId"])]
        async with self._upstream.request(
            "DELETE", target.bucket, target.key, query=query
        ) as response:
            return await exchange.pass_on(response)
