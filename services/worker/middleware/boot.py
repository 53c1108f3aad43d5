"""Makes the process's resources when a worker boots, and takes them down when it stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import dramatiq
import structlog
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import MiddlewareError

from worker import resources
from worker.settings import WorkerSettings

log = structlog.get_logger(__name__)

T = TypeVar("T")

OPEN_SECONDS = 60.0
CLOSE_SECONDS = 30.0
VERDICT_SECONDS = 5.0  # from the end of its grace until an attempt is written down as released


class Boot(dramatiq.Middleware):
    """Stands behind AsyncIO in the list: its event loop must start first and stop last."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        try:
            resources.install(_on_loop(resources.open_resources(self._settings), OPEN_SECONDS))
        except Exception as error:
            # The only kind of error that Dramatiq lets end a worker's start.
            raise MiddlewareError("The worker cannot start.") from error
        log.info("worker.booted")

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Ask running attempts to end; they are released, and resumed elsewhere."""
        _loop().call_soon_threadsafe(resources.current().stop)
        log.info("worker.stopping")

    def after_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Attempts hold no thread of Dramatiq's, so it does not wait for them."""
        grace = self._settings.policy().shutdown_grace.total_seconds() + VERDICT_SECONDS
        if not _on_loop(resources.current().reception.finish(grace), grace + CLOSE_SECONDS):
            log.error("worker.left_attempts")  # their leases run out
        _on_loop(resources.current().close(), CLOSE_SECONDS)
        resources.install(None)
        log.info("worker.stopped")


def _loop() -> asyncio.AbstractEventLoop:
    thread = get_event_loop_thread()
    if thread is None:
        raise RuntimeError("The AsyncIO middleware must stand before this one.")
    return thread.loop


def _on_loop(work: Coroutine[Any, Any, T], seconds: float) -> T:
    return asyncio.run_coroutine_threadsafe(work, _loop()).result(seconds)
