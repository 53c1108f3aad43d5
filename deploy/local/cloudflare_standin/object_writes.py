"""PutObject, CopyObject and the deletes, each followed by its event.

The order is always: receive the body, take the object, check the conditions, write, queue the
event, answer. A client that got a 2xx can rely on the event being in the queue.
"""

from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from cloudflare_standin.conditions import Conditions
from cloudflare_standin.events import Notifier, ObjectEvent
from cloudflare_standin.exchange import Exchange
from cloudflare_standin.key_gate import KeyGate
from cloudflare_standin.s3_xml import (
    read_delete,
    read_delete_failures,
    write_delete,
    write_delete_result,
)
from cloudflare_standin.spool import receive, spool_file
from cloudflare_standin.target import checked_key, fold, target_of
from cloudflare_standin.upstream import Upstream
from cloudflare_standin.writing import (
    check_conditions,
    described,
    small_body,
    written_state,
)


class ObjectWrites:
    def __init__(
        self, upstream: Upstream, gate: KeyGate, notifier: Notifier, *, spool_folder: Path
    ) -> None:
        self._upstream = upstream
        self._gate = gate
        self._notifier = notifier
        self._spool_folder = spool_folder

    async def put(self, exchange: Exchange) -> web.Response:
        conditions = Conditions.of_write(exchange.wire)
        target = exchange.target
        with spool_file(self._spool_folder) as file:
            body = await receive(
                exchange.request.content,
                file,
                content_length=exchange.request.content_length,
                payload_hash=exchange.payload_hash,
            )
            async with self._gate.writing([(target.bucket, target.key)]) as writing:
                await check_conditions(self._upstream, exchange, conditions)
                writing.begin()
                async with self._upstream.request(
                    "PUT", target.bucket, target.key, headers=described(exchange), body=body
                ) as response:
                    if response.ok:
                        etag = response.headers["ETag"].strip('"')
                        event = ObjectEvent("PutObject", target.spelled, body.length, etag)
                        await self._notifier.notify(target.bucket, [event])
                    return await exchange.pass_on(response)

    async def copy(self, exchange: Exchange) -> web.Response:
        conditions = Conditions.of_copy(exchange.wire)
        target = exchange.target
        given = exchange.wire.header("x-amz-copy-source") or ""
        source = target_of("/" + given.removeprefix("/"))
        headers = described(exchange)
        headers["x-amz-copy-source"] = quote(f"{source.bucket}/{source.key}", safe="/-_.~")
        async with self._gate.writing(
            [(target.bucket, target.key)], source=(source.bucket, source.key)
        ) as writing:
            await check_conditions(self._upstream, exchange, conditions)
            writing.begin()
            async with self._upstream.request(
                "PUT", target.bucket, target.key, headers=headers, body=b""
            ) as response:
                if response.ok:
                    state = await written_state(self._upstream, exchange)
                    event = ObjectEvent(
                        "CopyObject",
                        target.spelled,
                        state.size,
                        state.etag.strip('"'),
                        copy_source=(source.bucket, source.spelled),
                    )
                    await self._notifier.notify(target.bucket, [event])
                return await exchange.pass_on(response)

    async def delete(self, exchange: Exchange) -> web.Response:
        """If-Match is ignored: R2 has no conditional deletes."""
        target = exchange.target
        async with self._gate.writing([(target.bucket, target.key)]) as writing:
            writing.begin()
            async with self._upstream.request("DELETE", target.bucket, target.key) as response:
                if response.ok:
                    event = ObjectEvent("DeleteObject", target.spelled)
                    await self._notifier.notify(target.bucket, [event])
                return await exchange.pass_on(response)

    async def delete_many(self, exchange: Exchange) -> web.Response:
        asked = read_delete(await small_body(exchange, self._spool_folder))
        bucket = exchange.target.bucket
        # Two spellings of one key are one object, and get one event.
        spelled = {fold(checked_key(key)): key for key in asked.keys}
        async with self._gate.writing([(bucket, key) for key in spelled]) as writing:
            writing.begin()
            async with self._upstream.request(
                "POST", bucket, "", query=[("delete", "")], body=write_delete(spelled)
            ) as response:
                if not response.ok:
                    return await exchange.pass_on(response)
                failures = read_delete_failures(await response.read())
                deleted = [name for key, name in spelled.items() if key not in failures]
                events = [ObjectEvent("DeleteObject", name) for name in deleted]
                await self._notifier.notify(bucket, events)
                failed = {spelled.get(key, key): why for key, why in failures.items()}
                body = write_delete_result([] if asked.quiet else deleted, failed)
                return exchange.reply(200, {"Content-Type": "application/xml"}, body)

    async def create_bucket(self, exchange: Exchange) -> web.Response:
        async with self._upstream.request("PUT", exchange.target.bucket, "", body=b"") as response:
            return await exchange.pass_on(response)
