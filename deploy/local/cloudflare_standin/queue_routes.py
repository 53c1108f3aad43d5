"""Queues and consumers over HTTP, in Cloudflare's shapes."""

from aiohttp import web
from pydantic import JsonValue

from cloudflare_standin import views
from cloudflare_standin.database import DatabaseThread
from cloudflare_standin.errors import SchemaInvalid
from cloudflare_standin.message_store import MessageStore
from cloudflare_standin.queue_store import QueueStore, wall_clock_ms
from cloudflare_standin.requests import ChangeQueueBody, ConsumerBody, CreateQueueBody, PurgeBody
from cloudflare_standin.routing import ALL_QUEUES, ONE_QUEUE, page_of, parse, queue_id_of
from cloudflare_standin.views import envelope


class QueueRoutes:
    def __init__(
        self,
        thread: DatabaseThread,
        queues: QueueStore,
        messages: MessageStore,
        *,
        producers: dict[str, str],
    ) -> None:
        """`producers` names the bucket that notifies into a queue, by queue id."""
        self._thread = thread
        self._queues = queues
        self._messages = messages
        self._producers = producers
        self._purged_at: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(ALL_QUEUES, self.list_queues),
            web.post(ALL_QUEUES, self.create_queue),
            web.get(ONE_QUEUE, self.get_queue),
            web.patch(ONE_QUEUE, self.change_queue),
            web.put(ONE_QUEUE, self.change_queue),
            web.delete(ONE_QUEUE, self.delete_queue),
            web.post(ONE_QUEUE + "/purge", self.purge),
            web.get(ONE_QUEUE + "/purge", self.get_purge),
            web.get(ONE_QUEUE + "/consumers", self.list_consumers),
            web.post(ONE_QUEUE + "/consumers", self.create_consumer),
            web.put(ONE_QUEUE + "/consumers/{consumer}", self.change_consumer),
            web.delete(ONE_QUEUE + "/consumers/{consumer}", self.delete_consumer),
        ]

    async def list_queues(self, request: web.Request) -> web.Response:
        page, per_page = page_of(request)
        queues = await self._thread.run(self._queues.list_queues)
        shown = queues[(page - 1) * per_page : page * per_page]
        info: views.Json = {
            "page": page,
            "per_page": per_page,
            "count": len(shown),
            "total_count": len(queues),
            "total_pages": -(-len(queues) // per_page),
        }
        items: list[JsonValue] = [
            views.queue_view(queue, bucket=self._producers.get(queue.queue_id)) for queue in shown
        ]
        return web.json_response(envelope(items, result_info=info))

    async def create_queue(self, request: web.Request) -> web.Response:
        body = await parse(request, CreateQueueBody)
        queue = await self._thread.run(self._queues.create_queue, body.queue_name)
        return web.json_response(envelope(views.queue_view(queue, bucket=None)))

    async def get_queue(self, request: web.Request) -> web.Response:
        queue = await self._thread.run(self._queues.get_queue, queue_id_of(request))
        bucket = self._producers.get(queue.queue_id)
        return web.json_response(envelope(views.queue_view(queue, bucket=bucket)))

    async def change_queue(self, request: web.Request) -> web.Response:
        body = await parse(request, ChangeQueueBody)
        queue = await self._thread.run(
            self._queues.change_queue,
            queue_id_of(request),
            name=body.queue_name,
            delivery_delay_seconds=body.settings.delivery_delay,
            delivery_paused=body.settings.delivery_paused,
            retention_seconds=body.settings.message_retention_period,
        )
        bucket = self._producers.get(queue.queue_id)
        return web.json_response(envelope(views.queue_view(queue, bucket=bucket)))

    async def delete_queue(self, request: web.Request) -> web.Response:
        await self._thread.run(self._queues.delete_queue, queue_id_of(request))
        return web.json_response(envelope(None))

    async def purge(self, request: web.Request) -> web.Response:
        queue_id = queue_id_of(request)
        body = await parse(request, PurgeBody)
        if not body.delete_messages_permanently:
            raise SchemaInvalid("delete_messages_permanently must be true")
        await self._thread.run(self._messages.purge, queue_id)
        self._purged_at[queue_id] = views.timestamp(wall_clock_ms())
        return await self.get_queue(request)

    async def get_purge(self, request: web.Request) -> web.Response:
        queue = await self._thread.run(self._queues.get_queue, queue_id_of(request))
        started_at = self._purged_at.get(queue.queue_id)
        completed = "true" if started_at else "false"
        return web.json_response(envelope({"started_at": started_at, "completed": completed}))

    async def list_consumers(self, request: web.Request) -> web.Response:
        queue = await self._thread.run(self._queues.get_queue, queue_id_of(request))
        shown: list[JsonValue] = []
        if queue.consumer is not None:
            shown.append(views.consumer_view(queue.consumer))
        return web.json_response(envelope(shown))

    async def create_consumer(self, request: web.Request) -> web.Response:
        body = await parse(request, ConsumerBody)
        consumer = await self._thread.run(
            self._queues.create_consumer,
            queue_id_of(request),
            body.type,
            body.consumer_settings(),
        )
        return web.json_response(envelope(views.consumer_view(consumer)))

    async def change_consumer(self, request: web.Request) -> web.Response:
        body = await parse(request, ConsumerBody)
        consumer = await self._thread.run(
            self._queues.change_consumer,
            queue_id_of(request),
            request.match_info["consumer"],
            body.type,
            body.consumer_settings(),
        )
        return web.json_response(envelope(views.consumer_view(consumer)))

    async def delete_consumer(self, request: web.Request) -> web.Response:
        await self._thread.run(
            self._queues.delete_consumer, queue_id_of(request), request.match_info["consumer"]
        )
        return web.json_response(envelope(None))
