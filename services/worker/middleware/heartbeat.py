"""Says every few seconds that this worker lives, and how it is.

In a thread with an event loop and a connection of its own: it waits for nobody and nobody waits for
it, whether Postgres is slow, hangs or is away. What it could not say is not made up for.
"""

import asyncio
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

import dramatiq
import structlog

from db.engine import Sessions
from db.repositories.workers import Vitals, WorkerRepository
from worker.resources import worker_name
from worker.vitals import Meter

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 4.0  # with Postgres, for one beat
GOODBYE_SECONDS = 2.0  # a worker that stops is not held up by it


class Heartbeat(dramatiq.Middleware):
    def __init__(self, make_sessions: Callable[[], Sessions], *, busy: Callable[[], int]) -> None:
        """`make_sessions` is called in the thread: the engine belongs to its loop. `busy`: attempts
        under way."""
        self._make_sessions = make_sessions
        self._busy = busy
        self._threads = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self.start(threads=worker.worker_threads)

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self.stop()

    def start(self, *, threads: int) -> None:
        self._threads = threads
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=PATIENCE_SECONDS + GOODBYE_SECONDS)

    def _run(self) -> None:
        try:
            asyncio.run(self._beat())
        except Exception as error:
            # The worker works without.
            log.exception("heartbeat.ended", error=type(error).__name__)

    async def _beat(self) -> None:
        sessions, meter = self._make_sessions(), Meter()
        born: datetime | None = None
        while not self._stop.is_set():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS), sessions.begin() as session:
                    born = await WorkerRepository(session).beat(self._vitals(meter), born=born)
            except Exception as error:
                # Whatever it is, it is no reason to stop working.
                log.warning("heartbeat.missed", error=type(error).__name__)
            await asyncio.to_thread(self._stop.wait, EVERY_SECONDS)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS), sessions.begin() as session:
                await WorkerRepository(session).goodbye(worker_name())
        except Exception as error:
            log.warning("heartbeat.no_goodbye", error=type(error).__name__)

    def _vitals(self, meter: Meter) -> Vitals:
        memory_bytes, cpu_percent = meter.read()
        master = multiprocessing.parent_process()  # not getppid: that may be a fork server
        return Vitals(
            name=worker_name(),
            host=socket.gethostname(),
            pid=os.getpid(),
            parent=os.getppid() if master is None or master.pid is None else master.pid,
            version=_version(),
            age=timedelta(seconds=meter.age_seconds()),
            threads=self._threads,
            busy=self._busy(),
            memory_bytes=memory_bytes,
            cpu_percent=cpu_percent,
        )


def _version() -> str:
    try:
        return version("sluice")
    except PackageNotFoundError:
        return "0"  # run from a source tree that was never installed
