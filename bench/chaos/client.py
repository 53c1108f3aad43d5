"""The user of a run: plays the operations, and does as a user does when something is down.

A request that finds nobody, or a server that says it cannot, is made again, at the other API.
An operation counts as done once it was acknowledged.
"""

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from pipeline.store.objects import ObjectStore

from .corpus import Corpus, File, Operation, Verb

AT_ONCE = 8
REQUEST_SECONDS = 10.0
PATIENCE_SECONDS = 240.0
LISTED_SECONDS = 900.0  # a backlog on a busy machine; what is never listed is found at the end
PAUSE_FIRST, PAUSE_MAX = 0.1, 2.0
BUSY = 429
CLIENT_ERRORS = range(400, 500)


class GaveUp(Exception):
    """The service did not take an operation within the user's patience."""


class Refused(Exception):
    """An answer that tells the user it is the user's fault, which it was not."""


@dataclass
class User:
    urls: Sequence[str]
    key: str
    bucket: ObjectStore
    datasets: list[str] = field(default_factory=list)  # ids, in the corpus's order
    acknowledged: int = 0
    retries: int = 0

    async def __aenter__(self) -> "User":
        headers = {"Authorization": f"Bearer {self.key}"}
        self._http = httpx.AsyncClient(headers=headers, timeout=REQUEST_SECONDS)
        self._store = httpx.AsyncClient(timeout=REQUEST_SECONDS)
        self._turn = itertools.cycle(self.urls)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()
        await self._store.aclose()

    async def create_datasets(self, count: int) -> None:
        for number in range(count):
            made = await self.call("POST", "/datasets", {"name": f"chaos {number}"})
            self.datasets.append(made["dataset"]["id"])

    async def play(self, corpus: Corpus, seconds: float) -> None:
        """Every operation at its moment, or once the one before it on the same file is done."""
        began = time.monotonic()
        turns = asyncio.Semaphore(AT_ONCE)

        async def fate(operations: list[Operation]) -> None:
            for operation in operations:
                await asyncio.sleep(began + operation.at * seconds - time.monotonic())
                async with turns:
                    await self._do(operation, operations)

        async with asyncio.TaskGroup() as tasks:
            for operations in corpus.fates.values():
                tasks.create_task(fate(operations))

    async def search(self, file: File, limit: int) -> list[dict[str, Any]]:
        question = {"query": file.marker, "mode": "keyword", "limit": limit}
        answer = await self.call("POST", f"/datasets/{self.dataset(file)}/search", question)
        hits: list[dict[str, Any]] = answer["hits"]
        return hits

    def dataset(self, file: File) -> str:
        return self.datasets[file.dataset]

    def key_of(self, file: File) -> str:
        return f"{self.dataset(file)}/{file.name}"

    async def _do(self, operation: Operation, operations: list[Operation]) -> None:
        file = operation.file
        match operation.verb:
            case Verb.PUT | Verb.SAME:
                await self._put(file, operation.body)
            case Verb.DELETE:
                before = operations[operations.index(operation) - 1]
                await self._delete(file, before.etag)
            case Verb.REMOVE:
                await self._remove(file)
        self.acknowledged += 1

    async def _put(self, file: File, body: bytes) -> None:
        wanted = {"files": [{"file_name": file.name, "size": len(body)}]}
        answer = await self.call("POST", f"/datasets/{self.dataset(file)}/uploads", wanted)
        [url] = answer["upload_urls"]

        async def send() -> httpx.Response:
            return await self._store.request(
                url["method"], url["upload_url"], headers=url["headers"], content=body
            )

        await self._until_taken(send)

    async def _delete(self, file: File, etag: str | None) -> None:
        """A user deletes what the list shows: the version that he uploaded last."""
        deadline = time.monotonic() + LISTED_SECONDS
        while (document := await self._document(file)) is None or document["etag"] != etag:
            if time.monotonic() > deadline:
                seen = document and (document["status"], document["etag"])
                raise GaveUp(f"{file.name} is not listed with {etag}, but as {seen}")
            await self.call(
                "POST",
                f"/datasets/{self.dataset(file)}/uploads/complete",
                {"files": [{"file_name": file.name}]},
            )
            await asyncio.sleep(0.3)
        path = f"/datasets/{self.dataset(file)}/documents/{document['id']}"
        await self.call("DELETE", path, gone_is_fine=True)

    async def _remove(self, file: File) -> None:
        async def delete() -> None:
            await self.bucket.delete(self.key_of(file))

        pause, deadline = PAUSE_FIRST, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return await delete()
            except Exception as error:  # whatever the store's library says of a store that is away
                if time.monotonic() > deadline:
                    raise GaveUp(f"removing {file.name}: {error!r}") from error
            self.retries += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX)

    async def _document(self, file: File) -> dict[str, Any] | None:
        cursor = ""
        while cursor is not None:
            query = f"limit=200{cursor and f'&cursor={cursor}'}"
            page = await self.call("GET", f"/datasets/{self.dataset(file)}/documents?{query}")
            for item in page["items"]:
                if item["file_name"] == file.name:
                    return dict(item)
            cursor = page["next_cursor"]
        return None

    async def call(
        self, method: str, path: str, body: Any = None, *, gone_is_fine: bool = False
    ) -> Any:
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}

        async def send() -> httpx.Response:
            url = f"{next(self._turn)}/api/v1{path}"
            return await self._http.request(method, url, json=body, headers=headers)

        response = await self._until_taken(send, gone_is_fine=gone_is_fine)
        return response.json() if response.content else None

    async def _until_taken(self, send: Any, *, gone_is_fine: bool = False) -> httpx.Response:
        pause, deadline = PAUSE_FIRST, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                response: httpx.Response = await send()
                if response.is_success or (gone_is_fine and response.status_code == 404):
                    return response
                said = f"{response.request.method} {response.request.url.path}: "
                said += f"{response.status_code} {response.text[:500]}"
                if response.status_code in CLIENT_ERRORS and not _asks_to_wait(response):
                    raise Refused(said)
            except httpx.TransportError as error:
                said = repr(error)
            if time.monotonic() > deadline:
                raise GaveUp(said)
            self.retries += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_MAX)


def _asks_to_wait(response: httpx.Response) -> bool:
    """Also of a request that a dead process began: its key is free again after a minute."""
    return response.status_code == BUSY or "idempotency_key_in_use" in response.text
