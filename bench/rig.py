"""The whole product with servers of its own, for benches that need more than the running stack.

Everything ends with the `with` block. The embeddings are synthetic unless a model is named: what
is measured is the service.
"""

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

import httpx
import psutil

from stack.backends import Backends
from stack.part import Part
from stack.ports import free_ports
from stack.processes import Service
from stack.services import api, api_key, migrate, poller, worker

READY_SECONDS = 240.0  # a bench may run on a machine that is busy besides
# What a deployment would set to minutes; a bench is not to wait for it.
QUICK = {"SLUICE_RETRY_DELAYS": "1,2,4", "SLUICE_AUDIT_SECONDS": "3600"}


class Rig:
    def __init__(self, *, workers: int = 1, model: str | None = None, **settings: str) -> None:
        """`model` is one of the local stack's (SLUICE_LOCAL_MODEL)."""
        self.backends = (
            Backends(embeddings="synthetic")
            if model is None
            else Backends(embeddings="model", model=model)
        )
        self._logs = Path(tempfile.mkdtemp(prefix="sluice-bench-"))
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            **self.backends.process_environment(),
            **QUICK,
            **settings,
            "SLUICE_API_URL": self.url,
            "SLUICE_API_PORT": str(port),
        }
        metrics = free_ports(1 + workers)
        self.poller_metrics = f"http://127.0.0.1:{metrics[0]}/metrics"
        parts = [
            poller(self.environment, metrics_port=metrics[0]),
            *(
                worker(self.environment, number=number, metrics_port=metrics[number])
                for number in range(1, workers + 1)
            ),
            api(self.environment, port=port),
        ]
        self.services = {part.name: self._service(part) for part in parts}

    def __enter__(self) -> Self:
        try:
            self.backends.start_all()
            for step in (migrate(self.environment), api_key(self.environment)):
                service = self._service(step)
                service.start()
                service.wait_ready(READY_SECONDS)
            for name in self.services:
                self.start(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for service in self.services.values():
            service.kill()
        self.backends.close()

    def start(self, name: str) -> None:
        self.services[name].start()
        self.services[name].wait_ready(READY_SECONDS)

    def stop(self, name: str) -> None:
        self.services[name].terminate()

    def api(self) -> httpx.Client:
        key = self.environment["SLUICE_API_KEY"]
        return httpx.Client(
            base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=60
        )

    def switch_embeddings(self, **switches: Any) -> dict[str, int]:
        """Set the embeddings server's switches, from its defaults; returns its counters."""
        root = self.environment["OPENAI_BASE_URL"].removesuffix("/v1")
        headers = {"Authorization": f"Bearer {self.environment['OPENAI_API_KEY']}"}
        answer = httpx.post(f"{root}/_switches", json={"reset": True, **switches}, headers=headers)
        counters: dict[str, int] = answer.raise_for_status().json()["counters"]
        return counters

    def embeddings_counters(self) -> dict[str, int]:
        root = self.environment["OPENAI_BASE_URL"].removesuffix("/v1")
        headers = {"Authorization": f"Bearer {self.environment['OPENAI_API_KEY']}"}
        answer = httpx.get(f"{root}/_switches", headers=headers)
        counters: dict[str, int] = answer.raise_for_status().json()["counters"]
        return counters

    def metric(self, name: str) -> float:
        """The sum of a metric of the poller over its labels."""
        with urlopen(Request(self.poller_metrics)) as answer:  # noqa: S310  # a URL of ours
            lines = answer.read().decode().splitlines()
        values = (
            float(line.rpartition(" ")[2])
            for line in lines
            if line.partition("{")[0].partition(" ")[0] == name
        )
        return sum(values)

    def megabytes(self, name: str) -> float:
        """Resident memory of a service and its children."""
        process = psutil.Process(self.services[name].pid)
        family = [process, *process.children(recursive=True)]
        total: int = sum(each.memory_info().rss for each in family)
        return total / 1e6

    def _service(self, part: Part) -> Service:
        return Service(part, self._logs / f"{part.name}.log")


def upload(client: httpx.Client, dataset: str, files: dict[str, bytes]) -> None:
    """Upload files by their presigned URLs, up to 1,000 a request."""
    names = list(files)
    with httpx.Client(timeout=60) as bucket:
        for start in range(0, len(names), 1000):
            wanted = [
                {"file_name": name, "size": len(files[name]), "content_type": "text/plain"}
                for name in names[start : start + 1000]
            ]
            answer = client.post(f"/datasets/{dataset}/uploads", json={"files": wanted})
            for url in answer.raise_for_status().json()["upload_urls"]:
                bucket.put(
                    url["upload_url"], headers=url["headers"], content=files[url["file_name"]]
                ).raise_for_status()


def create_dataset(client: httpx.Client, name: str, **body: Any) -> str:
    answer = client.post("/datasets", json={"name": name, **body}).raise_for_status()
    return str(answer.json()["dataset"]["id"])


def cores() -> int:
    return os.cpu_count() or 1
