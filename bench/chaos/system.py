"""The product's processes for one run, on data of its own."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import psutil

from stack.backends import Backends
from stack.leash import Leash
from stack.part import Part
from stack.ports import free_ports
from stack.processes import Service
from stack.services import api, api_key, migrate, poller, worker

# Two pollers, three workers and two APIs have something to get in each other's way; for a quiet run
# one of each does, and is there sooner.
MANY, ONE = (2, 3, 2), (1, 1, 1)
STEP_SECONDS = 60.0
# What takes minutes in a deployment takes seconds here, so that a run ends. Lapses are not to use
# up a document: here they are the harness's kills, and more of them than in any deployment's year.
QUICK = {
    "SLUICE_RETRY_DELAYS": "1,2,4,8,8,8",
    "SLUICE_AUDIT_SECONDS": "10",
    "SLUICE_AUDIT_GRACE_SECONDS": "5",
    "SLUICE_LAPSES_MAX": "100",
    "SLUICE_PARSERS": "2",
    "SLUICE_EMBEDDING_TIMEOUT_SECONDS": "5",
    "SLUICE_POLLER_VISIBILITY_SECONDS": "15",
    "SLUICE_POLLER_IDLE_SECONDS": "1",
}
SCRATCH_BYTES = 32 * 1024 * 1024  # of the worker whose disk is small


class System:
    """Start it, kill, freeze and start its services by name; `close` ends all of them."""

    def __init__(
        self,
        backends: Backends,
        environment: Mapping[str, str],
        folder: Path,
        *,
        counts: tuple[int, int, int],
        small_disk: bool = False,
    ) -> None:
        """`counts` of pollers, workers and APIs; `small_disk` gives the last worker a scratch disk
        of its own, which can be filled."""
        pollers, workers, apis = counts
        self.folder = folder
        self._leash = Leash(None)
        self._ports = free_ports(apis)
        self.environment = {**backends.process_environment(), **QUICK, **environment}
        self.environment["SLUICE_API_URL"] = self.urls[0]
        self._parts: dict[str, Part] = {}
        for number in range(1, pollers + 1):
            part = poller(self.environment, metrics_port=free_ports(1)[0])
            self._add(replace(part, name=f"poller-{number}"))
        for number in range(1, workers + 1):
            scratch = folder / f"scratch-{number}"
            scratch.mkdir()
            own = {**self.environment, "SLUICE_SCRATCH_DIR": str(scratch)}
            part = worker(own, number=number, metrics_port=free_ports(1)[0])
            if small_disk and number == workers:
                part = replace(part, command=(*on_small_disk(scratch), *part.command))
            self._add(part)
        for number, port in enumerate(self._ports, start=1):
            own = {**self.environment, "SLUICE_API_PORT": str(port)}
            self._add(replace(api(own, port=port), name=f"api-{number}"))
        self.services = {name: self._service(part) for name, part in self._parts.items()}
        self.small_disk = folder / f"scratch-{workers}" if small_disk else None
        # By the process's number, which is in the name of an attempt's worker: when it was killed.
        self.deaths: dict[int, float] = {}

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def host(self) -> str:
        return socket.gethostname()

    def names(self, kind: str) -> list[str]:
        return [name for name in self.services if name.startswith(kind)]

    async def start(self) -> None:
        for part in (migrate(self.environment), api_key(self.environment)):
            step = self._service(part)
            step.start()
            await asyncio.to_thread(step.wait_ready, STEP_SECONDS)
        for name in self.services:
            await self.start_one(name)
        for service in self.services.values():
            await asyncio.to_thread(service.wait_ready, STEP_SECONDS)

    async def start_one(self, name: str) -> None:
        """Does not wait until it is ready: a supervisor does not either."""
        service = self.services[name]
        await asyncio.to_thread(service.start)
        self._leash.hold(service.pid)

    def with_environment(self, name: str, more: Mapping[str, str]) -> None:
        """From its next start on; `{}` gives it back what it was made with."""
        part = self._parts[name]
        self.services[name].part = replace(part, environment={**part.environment, **more})

    def processes(self, name: str) -> list[psutil.Process]:
        """The service's own and, below it, its children."""
        try:
            own = psutil.Process(self.services[name].pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def close(self) -> None:
        for service in self.services.values():
            service.kill()
        self._leash.release()

    def _add(self, part: Part) -> None:
        self._parts[part.name] = part

    def _service(self, part: Part) -> Service:
        return Service(part, self.folder / f"{part.name}.log")


def on_small_disk(folder: Path) -> tuple[str, ...]:
    """What goes before a command so that this folder is a small disk, to it and nobody else."""
    mount = f'mount -t tmpfs -o size={SCRATCH_BYTES} chaos "$0" && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(folder))


def small_disks_work(folder: Path) -> bool:
    """Whether this machine lets us mount such a disk."""
    if shutil.which("unshare") is None:
        return False
    command = (*on_small_disk(folder), "true")
    return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0


async def create_database(server_url: str, name: str) -> str:
    """Its URL."""
    connection = await asyncpg.connect(server_url, timeout=10, ssl=False)
    try:
        await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    return urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
