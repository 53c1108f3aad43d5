"""How long after its commit an event has reached the clients that follow along, and if all have.

    make bench-alone NAME=events ARGS='--clients 50 --files 60 --probes 100'

A worker indexes files meanwhile, so its own events and ticks of progress go to all clients too. The
clock of a probe starts when its commit was answered. The clients run in one process with the bench,
and share the machine with everything else.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from typing import Any
from uuid import UUID

from bench.rig import Rig, create_dataset, upload
from websockets.asyncio.client import ClientConnection, connect

from db.engine import Sessions, create_engine, session_factory
from db.models import Dataset, Event

KIND = "bench.probe"
PAUSE_SECONDS = 0.2
GIVE_UP_SECONDS = 120.0
SENTENCE = "The keeper of the lighthouse writes down wind and weather three times a day. "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--files", type=int, default=60, help="that a worker indexes meanwhile")
    parser.add_argument("--probes", type=int, default=100)
    asked = parser.parse_args()
    with Rig(SLUICE_LIVE_CONNECTIONS_PER_TENANT=str(asked.clients)) as rig, rig.api() as api:
        dataset = create_dataset(api, "bench events")
        files = {f"{n}.txt": f"{n}. {SENTENCE * 4_000}".encode() for n in range(asked.files)}
        seen = asyncio.run(measure(rig, dataset, asked.clients, asked.probes, files))
    report(seen, asked.clients, asked.probes)


class Clients:
    """What all clients together have heard."""

    def __init__(self, probes: int) -> None:
        self.committed: dict[int, float] = {}
        self.arrived: list[tuple[int, float]] = []  # a probe, and when a client had it
        self.types: Counter[str] = Counter()
        self._probes = probes

    async def listen(self, socket: ClientConnection, ready: asyncio.Semaphore) -> None:
        """Until the last probe has come."""
        async for text in socket:
            now = time.perf_counter()
            message: dict[str, Any] = json.loads(text)
            self.types[message["type"]] += 1
            if message["type"] == "ready":
                ready.release()
            elif message.get("kind") == KIND:
                probe = int(message["data"]["probe"])
                self.arrived.append((probe, now))
                if probe == self._probes - 1:
                    return


async def measure(
    rig: Rig, dataset: str, count: int, probes: int, files: dict[str, bytes]
) -> Clients:
    clients, ready = Clients(probes), asyncio.Semaphore(0)
    url = f"{rig.url.replace('http', 'ws')}/api/v1/datasets/{dataset}/events"
    headers = {"Authorization": f"Bearer {rig.environment['SLUICE_API_KEY']}"}
    engine = create_engine(
        rig.environment["DATABASE_URL"], pool_size=1, application_name="bench-events"
    )

    async def client() -> None:
        async with connect(url, additional_headers=headers, proxy=None) as socket:
            await clients.listen(socket, ready)

    try:
        async with (
            asyncio.timeout(GIVE_UP_SECONDS + probes * PAUSE_SECONDS),
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(count):
                tasks.create_task(client())
            for _ in range(count):
                await ready.acquire()
            tasks.create_task(asyncio.to_thread(index, rig, dataset, files))
            await probe(session_factory(engine), clients, UUID(dataset), probes)
    finally:
        await engine.dispose()
    return clients


def index(rig: Rig, dataset: str, files: dict[str, bytes]) -> None:
    """Give the worker something to tell of."""
    with rig.api() as api:
        upload(api, dataset, files)


async def probe(sessions: Sessions, clients: Clients, dataset: UUID, probes: int) -> None:
    async with sessions() as session:
        tenant = (await session.get_one(Dataset, dataset)).tenant_id
    for number in range(probes):
        await asyncio.sleep(PAUSE_SECONDS)
        async with sessions.begin() as session:
            session.add(
                Event(tenant_id=tenant, dataset_id=dataset, kind=KIND, data={"probe": number})
            )
        clients.committed[number] = time.perf_counter()


def report(seen: Clients, clients: int, probes: int) -> None:
    waits = sorted(1000 * (at - seen.committed[number]) for number, at in seen.arrived)
    cut = statistics.quantiles(waits, n=100)
    print(
        f"{clients} clients, {probes} probes: from commit to client p50 {cut[49]:.0f} ms, "
        f"p95 {cut[94]:.0f} ms, p99 {cut[98]:.0f} ms, max {waits[-1]:.0f} ms"
    )
    print(f"arrived {len(waits)} of {clients * probes}; messages by type: {dict(seen.types)}")


if __name__ == "__main__":
    main()
