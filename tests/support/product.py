"""The three services as real processes over the test session's servers, and a client of theirs."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx
import psutil

from stack.backends import Backends
from stack.part import Part
from stack.ports import free_ports
from stack.processes import Service
from stack.services import api, api_key, migrate, poller, worker
from support.databases import fresh_database

READY_SECONDS = 60.0
SETTLE_SECONDS = 60.0
POLL_SECONDS = 0.05
FINISHED = {"completed", "failed", "cancelled"}


# What a deployment would set to minutes is seconds here, so that a test can wait for it.
QUICK = {
    "SLUICE_RETRY_DELAYS": "1,1,1",
    "SLUICE_AUDIT_SECONDS": "5",
    "SLUICE_AUDIT_GRACE_SECONDS": "3",
    "SLUICE_PARSERS": "2",
}


class Product:
    """Start it, use `client()`, kill and start parts at will; `close` ends everything."""

    def __init__(
        self,
        backends: Backends,
        environment: Mapping[str, str],
        folder: Path,
        *,
        workers: int = 1,
        port: int | None = None,
    ) -> None:
        """`port`: the api's; any free one if not given."""
        self._folder = folder
        self._port = port or free_ports(1)[0]
        self.environment = {
            **backends.process_environment(),
            **environment,
            "SLUICE_API_URL": f"http://127.0.0.1:{self._port}",
            "SLUICE_API_PORT": str(self._port),
        }
        self._steps = [migrate(self.environment), api_key(self.environment)]
        self._services: dict[str, Service] = {}
        self._api_ports = {"api": self._port}
        for part in (
            poller(self.environment, metrics_port=free_ports(1)[0]),
            api(self.environment, port=self._port),
        ):
            self._services[part.name] = self._service(part)
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> str:
        """Another worker, not started yet; returns its name."""
        number = 1 + sum(name.startswith("worker") for name in self._services)
        return self._add(worker(self.environment, number=number, metrics_port=free_ports(1)[0]))

    def add_poller(self) -> str:
        """Another poller, not started yet; returns its name."""
        number = 1 + sum(name.startswith("poller") for name in self._services)
        part = poller(self.environment, metrics_port=free_ports(1)[0])
        return self._add(replace(part, name=f"poller-{number}"))

    def add_api(self) -> str:
        """Another api, not started yet, which `client` finds by this name."""
        [port] = free_ports(1)
        name = f"api-{1 + sum(name.startswith('api') for name in self._services)}"
        part = api({**self.environment, "SLUICE_API_PORT": str(port)}, port=port)
        self._api_ports[name] = port
        return self._add(replace(part, name=name))

    def start(self) -> Self:
        for part in self._steps:
            step = self._service(part)
            step.start()
            step.wait_ready(READY_SECONDS)
        for service in self._services.values():
            service.start()
        for name in self._services:
            self.wait_ready(name)
        return self

    def start_one(self, name: str) -> None:
        self._services[name].start()
        self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        service = self._services[name]
        try:
            service.wait_ready(READY_SECONDS)
        except Exception as error:
            error.add_note(service.log.read_text()[-4000:])
            raise

    def kill(self, name: str) -> None:
        self._services[name].kill()

    def freeze(self, name: str) -> None:
        """It stands still, as on a machine that ran out of memory."""
        self._services[name].freeze()

    def thaw(self, name: str) -> None:
        self._services[name].thaw()

    def processes(self, name: str) -> list[psutil.Process]:
        """The service's own, and its children."""
        own = psutil.Process(self._services[name].pid)
        return [own, *own.children(recursive=True)]

    def stop(self, name: str) -> int:
        """SIGTERM, as a deployment does; returns the exit code, negative if it had to be killed."""
        service = self._services[name]
        service.terminate()
        return service.wait()

    def log(self, name: str) -> str:
        return self._services[name].log.read_text()

    def close(self) -> None:
        for service in self._services.values():
            service.kill()

    def client(self, api: str = "api") -> "Client":
        url = f"http://127.0.0.1:{self._api_ports[api]}"
        return Client(url, self.environment["SLUICE_API_KEY"])

    def _add(self, part: Part) -> str:
        self._services[part.name] = self._service(part)
        return part.name

    def _service(self, part: Part) -> Service:
        return Service(part, self._folder / f"{part.name}.log")


@asynccontextmanager
async def running_product(
    backends: Backends, template: str, folder: Path, *, port: int | None = None
) -> AsyncIterator[Product]:
    """Poller, one worker and the api, on a database and a Redis namespace of their own."""
    url = backends.environment()["DATABASE_URL"]
    name = uuid4().hex[:8]
    async with fresh_database(url, template=template) as database_url:
        running = Product(
            backends,
            {
                **QUICK,
                "DATABASE_URL": database_url,
                "SLUICE_REDIS_NAMESPACE": f"e2e-{name}",
                "SLUICE_MILVUS_PREFIX": f"e2e_{name}_",
            },
            folder,
            port=port,
        )
        try:
            yield running.start()
        finally:
            running.close()


@dataclass
class Client:
    """What a user's program would do, step by step."""

    url: str
    key: str
    http: httpx.AsyncClient = field(init=False)

    async def __aenter__(self) -> Self:
        self.http = httpx.AsyncClient(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
        )
        self.bucket = httpx.AsyncClient(timeout=60)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.bucket.aclose()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        response = await self.http.request(method, path, json=body)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    async def create(self, files: Mapping[str, bytes], **settings: Any) -> str:
        """A dataset with these files uploaded; returns its id."""
        answer = await self.call(
            "POST",
            "/datasets",
            {
                "name": "test",
                "files": [{"file_name": name, "size": len(body)} for name, body in files.items()],
                **settings,
            },
        )
        await self.put_all(answer["upload_urls"], files)
        return str(answer["dataset"]["id"])

    async def upload(self, dataset_id: str, files: Mapping[str, bytes]) -> None:
        """Upload more files, or the same ones anew."""
        wanted = [{"file_name": name, "size": len(body)} for name, body in files.items()]
        answer = await self.call("POST", f"/datasets/{dataset_id}/uploads", {"files": wanted})
        await self.put_all(answer["upload_urls"], files)

    async def put_all(self, urls: list[dict[str, Any]], files: Mapping[str, bytes]) -> None:
        for url in urls:
            await self.put(url, files[url["file_name"]])

    async def put(self, url: dict[str, Any], body: bytes) -> None:
        response = await self.bucket.request(
            url["method"], url["upload_url"], headers=url["headers"], content=body
        )
        assert response.is_success, f"upload: {response.status_code} {response.text}"

    async def documents(self, dataset_id: str) -> dict[str, dict[str, Any]]:
        """By file name."""
        found: dict[str, dict[str, Any]] = {}
        cursor = ""
        while cursor is not None:
            page = await self.call(
                "GET", f"/datasets/{dataset_id}/documents?limit=200{cursor and f'&cursor={cursor}'}"
            )
            found.update((item["file_name"], item) for item in page["items"])
            cursor = page["next_cursor"]
        return found

    async def settled(
        self, dataset_id: str, *, count: int, seconds: float = SETTLE_SECONDS
    ) -> dict[str, dict[str, Any]]:
        """The documents, once there are `count` and the jobs of all have ended."""
        deadline = time.monotonic() + seconds
        while True:
            documents = await self.documents(dataset_id)
            states = [document["status"] for document in documents.values()]
            if len(states) == count and all(state in FINISHED for state in states):
                return documents
            assert time.monotonic() < deadline, f"after {seconds} s: {states}"
            await asyncio.sleep(POLL_SECONDS)

    async def search(self, dataset_id: str, query: str, **options: Any) -> list[dict[str, Any]]:
        answer = await self.call(
            "POST", f"/datasets/{dataset_id}/search", {"query": query, "limit": 10, **options}
        )
        hits: list[dict[str, Any]] = answer["hits"]
        return hits

    async def jobs(self, dataset_id: str) -> list[dict[str, Any]]:
        page = await self.call("GET", f"/jobs/?dataset_id={dataset_id}&limit=200")
        jobs: list[dict[str, Any]] = page["items"]
        return jobs

    async def until(self, question: Any, *, seconds: float = SETTLE_SECONDS) -> Any:
        """Ask until the answer is true; returns it."""
        deadline = time.monotonic() + seconds
        while True:
            answer = await question()
            if answer:
                return answer
            assert time.monotonic() < deadline, f"not so after {seconds} s"
            await asyncio.sleep(POLL_SECONDS)
