"""A queue in the stand-in with a pull consumer and a dead-letter queue, and its test switches."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from poller.cloudflare import CloudflareQueue, create_client

MAX_RETRIES = 1  # a message that was given back more often is a dead letter


@dataclass(frozen=True, slots=True)
class TestQueue:
    """`pulled` is what the product pulls from; the rest is the other end of the queue."""

    __test__ = False  # not a test, whatever its name

    name: str
    pulled: CloudflareQueue
    dead_letters: "TestQueue | None"
    _path: str
    _api: httpx.AsyncClient
    _switches: httpx.AsyncClient

    async def send(self, *bodies: Any, content_type: str = "json") -> None:
        """As a producer does: JSON travels as base64, text as it is."""
        messages = [{"body": body, "content_type": content_type} for body in bodies]
        await _ask(self._api, "POST", f"{self._path}/messages/batch", {"messages": messages})

    async def send_raw(self, *bodies: str) -> None:
        """Messages whose bodies are delivered letter for letter."""
        queue_id = self._path.rpartition("/")[2]
        for body in bodies:
            await _ask(self._switches, "POST", f"/_standin/queues/{queue_id}/raw", {"body": body})

    async def backlog(self) -> int:
        """Messages that are not acknowledged, those that are leased included."""
        answer = await _ask(self._api, "GET", f"{self._path}/metrics")
        return int(answer["result"]["backlog_count"])

    async def pause(self) -> None:
        await _ask(self._api, "PATCH", self._path, {"settings": {"delivery_paused": True}})

    async def drop_consumer(self) -> None:
        answer = await _ask(self._api, "GET", f"{self._path}/consumers")
        for consumer in answer["result"]:
            await _ask(self._api, "DELETE", f"{self._path}/consumers/{consumer['consumer_id']}")

    async def set_faults(self, **faults: Any) -> None:
        await _ask(self._switches, "PUT", "/_standin/faults", faults)


@asynccontextmanager
async def fresh_queue(environment: Mapping[str, str]) -> AsyncIterator[TestQueue]:
    """Both queues are deleted at the end, and no fault is left behind."""
    api_url, token = environment["SLUICE_CF_API_URL"], environment["CF_API_TOKEN"]
    account = environment["CF_ACCOUNT_ID"]
    async with (
        create_client(api_url=api_url, token=token) as api,
        create_client(api_url=api_url.removesuffix("/client/v4"), token=token) as switches,
    ):

        async def create(name: str, *, dead_letters: TestQueue | None) -> TestQueue:
            queues = f"/accounts/{account}/queues"
            answer = await _ask(api, "POST", queues, {"queue_name": name})
            queue_id = answer["result"]["queue_id"]
            consumer: dict[str, Any] = {
                "type": "http_pull",
                "settings": {"max_retries": MAX_RETRIES},
            }
            if dead_letters is not None:
                consumer["dead_letter_queue"] = dead_letters.name
            await _ask(api, "POST", f"{queues}/{queue_id}/consumers", consumer)
            pulled = CloudflareQueue(api, account_id=account, queue_id=queue_id)
            return TestQueue(name, pulled, dead_letters, f"{queues}/{queue_id}", api, switches)

        name = f"test-{uuid4().hex}"
        dead_letters = await create(f"{name}-dlq", dead_letters=None)
        queue = await create(name, dead_letters=dead_letters)
        try:
            yield queue
        finally:
            await _ask(switches, "DELETE", "/_standin/faults")
            for each in (queue, dead_letters):
                await _ask(api, "DELETE", each._path)


async def _ask(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    response = await client.request(method, path, json=body)
    assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
    return response.json()
