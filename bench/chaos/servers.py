"""The switches of the stand-ins, as the harness turns them: patiently, since it kills them too."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.3


class Switches:
    """The faults of the Cloudflare stand-in and of the embeddings server."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._http = httpx.AsyncClient(timeout=5)
        cloudflare = environment["SLUICE_CF_API_URL"].removesuffix("/client/v4")
        self._faults = f"{cloudflare}/_standin/faults"
        self._raw = f"{cloudflare}/_standin/queues"
        self._queues = (
            f"{environment['SLUICE_CF_API_URL']}/accounts/{environment['CF_ACCOUNT_ID']}/queues"
        )
        self._queue_name = environment["CF_QUEUE_NAME"]
        self._cloudflare_key = {"Authorization": f"Bearer {environment['CF_API_TOKEN']}"}
        self._embeddings = environment["OPENAI_BASE_URL"].removesuffix("/v1") + "/_switches"
        self._embeddings_key = {"Authorization": f"Bearer {environment['OPENAI_API_KEY']}"}
        self._lock = asyncio.Lock()

    async def close(self) -> None:
        await self._http.aclose()

    async def embedder(self, **changes: object) -> None:
        await self._ask(
            lambda: self._http.post(self._embeddings, json=changes, headers=self._embeddings_key)
        )

    async def cloudflare(self, **changes: object) -> None:
        """On top of what is switched already."""
        async with self._lock:
            key = self._cloudflare_key
            present = await self._ask(lambda: self._http.get(self._faults, headers=key))
            wanted = {**present.json(), **changes}
            await self._ask(lambda: self._http.put(self._faults, json=wanted, headers=key))

    async def calm(self) -> None:
        """Nothing is switched any more."""
        key = self._cloudflare_key
        await self._ask(lambda: self._http.delete(self._faults, headers=key))
        await self.embedder(reset=True)

    async def garbage(self, body: str) -> None:
        """A message that nobody can read."""
        queue, key = await self._queue(), self._cloudflare_key
        url = f"{self._raw}/{queue}/raw"
        await self._ask(lambda: self._http.post(url, json={"body": body}, headers=key))

    async def empty_queue(self) -> None:
        url, key = f"{self._queues}/{await self._queue()}/purge", self._cloudflare_key
        body = {"delete_messages_permanently": True}
        await self._ask(lambda: self._http.post(url, json=body, headers=key))

    async def _queue(self) -> str:
        answer = await self._ask(lambda: self._http.get(self._queues, headers=self._cloudflare_key))
        [found] = [
            queue["queue_id"]
            for queue in answer.json()["result"]
            if queue["queue_name"] == self._queue_name
        ]
        return str(found)

    async def _ask(self, send: Callable[[], Awaitable[Any]]) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response: httpx.Response = await send()
                response.raise_for_status()
                return response
            except (httpx.TransportError, httpx.HTTPStatusError):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
