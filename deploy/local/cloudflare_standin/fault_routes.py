"""The test switches over HTTP. Cloudflare has nothing like them; production cannot reach them.

GET, PUT, DELETE /_standin/faults        what faults.py declares; PUT replaces all switches
POST /_standin/queues/{queue}/raw        a message with any body, for undecodable ones
"""

from aiohttp import web
from pydantic import ValidationError

from cloudflare_standin import views
from cloudflare_standin.errors import SchemaInvalid
from cloudflare_standin.faults import FaultBoard, Faults
from cloudflare_standin.requests import RawMessageBody
from cloudflare_standin.routing import parse, queue_id_of, summary
from cloudflare_standin.sender import Sender
from cloudflare_standin.views import envelope


class FaultRoutes:
    def __init__(self, sender: Sender, faults: FaultBoard) -> None:
        self._sender = sender
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_standin/faults", self.get_faults),
            web.put("/_standin/faults", self.put_faults),
            web.delete("/_standin/faults", self.clear_faults),
            web.post("/_standin/queues/{queue}/raw", self.send_raw),
        ]

    async def get_faults(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.current.model_dump())

    async def put_faults(self, request: web.Request) -> web.Response:
        """Replaces all switches: what the body does not name is off."""
        try:
            self._faults.current = Faults.model_validate_json(await request.read())
        except ValidationError as exc:
            raise SchemaInvalid(summary(exc)) from exc
        return await self.get_faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._faults.current = Faults()
        return await self.get_faults(request)

    async def send_raw(self, request: web.Request) -> web.Response:
        body = await parse(request, RawMessageBody)
        metrics = await self._sender.send(queue_id_of(request), [body.message()])
        return web.json_response(envelope(views.sent_view(metrics)))
