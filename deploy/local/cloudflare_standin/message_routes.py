"""Messages over HTTP: send, pull, acknowledge, peek, metrics."""

from aiohttp import web

from cloudflare_standin import views
from cloudflare_standin.database import DatabaseThread
from cloudflare_standin.errors import ApiError, BodyInvalid, Overloaded, Unavailable, Unknown
from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.message_store import MessageStore
from cloudflare_standin.requests import (
    AckBody,
    PeekBody,
    PullBody,
    PurgeReferencesBody,
    SendBatchBody,
    SendBody,
)
from cloudflare_standin.routing import ONE_QUEUE, parse, queue_id_of
from cloudflare_standin.sender import Sender
from cloudflare_standin.views import envelope


class MessageRoutes:
    def __init__(
        self, thread: DatabaseThread, messages: MessageStore, sender: Sender, faults: FaultBoard
    ) -> None:
        self._thread = thread
        self._messages = messages
        self._sender = sender
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        messages = ONE_QUEUE + "/messages"
        return [
            web.get(ONE_QUEUE + "/metrics", self.get_metrics),
            web.post(messages, self.send),
            web.post(messages + "/batch", self.send_batch),
            web.post(messages + "/pull", self.pull),
            web.post(messages + "/ack", self.acknowledge),
            web.post(messages + "/peek", self.peek),
            web.post(messages + "/purge", self.purge_references),
        ]

    async def send(self, request: web.Request) -> web.Response:
        body = await parse(request, SendBody)
        metrics = await self._sender.send(queue_id_of(request), [body.message()])
        return web.json_response(envelope(views.sent_view(metrics)))

    async def send_batch(self, request: web.Request) -> web.Response:
        body = await parse(request, SendBatchBody)
        metrics = await self._sender.send(queue_id_of(request), body.new_messages())
        return web.json_response(envelope(views.sent_view(metrics)))

    async def pull(self, request: web.Request) -> web.Response:
        queue_id = queue_id_of(request)
        body = await parse(request, PullBody, invalid=BodyInvalid)
        if self._faults.take("pulls_to_fail"):
            raise self._failure()
        deliveries, metrics = await self._thread.run(
            self._messages.pull,
            queue_id,
            batch_size=body.batch_size,
            visibility_timeout_ms=body.visibility_timeout_ms,
            shuffle=self._faults.current.shuffle,
        )
        repeated = self._faults.take("deliveries_to_repeat", len(deliveries))
        if repeated:
            sequences = [delivery.sequence for delivery in deliveries[:repeated]]
            await self._thread.run(self._messages.make_visible, sequences)
        if self._faults.take("pulls_to_lose"):
            raise Unknown("the answer was lost after the messages were leased")
        return web.json_response(envelope(views.pulled_view(deliveries, metrics)))

    async def acknowledge(self, request: web.Request) -> web.Response:
        queue_id = queue_id_of(request)
        body = await parse(request, AckBody, invalid=BodyInvalid)
        if self._faults.take("acks_to_fail"):
            raise self._failure()
        result = await self._thread.run(
            self._messages.acknowledge,
            queue_id,
            [item.lease_id for item in body.acks],
            [(item.lease_id, item.delay_seconds) for item in body.retries],
        )
        return web.json_response(envelope(views.ack_view(result)))

    async def peek(self, request: web.Request) -> web.Response:
        body = await parse(request, PeekBody)
        deliveries = await self._thread.run(
            self._messages.peek, queue_id_of(request), body.batch_size
        )
        return web.json_response(envelope(views.peeked_view(deliveries)))

    async def purge_references(self, request: web.Request) -> web.Response:
        body = await parse(request, PurgeReferencesBody)
        warnings = await self._thread.run(
            self._messages.purge_references,
            queue_id_of(request),
            [item.ref for item in body.refs],
        )
        return web.json_response(envelope({"errors": [], "warnings": dict(warnings)}))

    async def get_metrics(self, request: web.Request) -> web.Response:
        metrics = await self._thread.run(self._messages.metrics, queue_id_of(request))
        return web.json_response(envelope(views.metrics_view(metrics)))

    def _failure(self) -> ApiError:
        headers = {"Retry-After": str(self._faults.current.retry_after_seconds)}
        match self._faults.current.fail_status:
            case 429:
                return Overloaded("Queue is overloaded. Please back off.", headers=headers)
            case 503:
                return Unavailable("Service unavailable", headers=headers)
            case 500:
                return Unknown("Unknown error")
