"""Prometheus metrics of a worker process, on a port of its own."""

import dramatiq
import structlog
from prometheus_client import Counter, Gauge, Histogram, start_http_server

from pipeline.queue import Task

log = structlog.get_logger(__name__)

MESSAGES = Counter("sluice_worker_messages", "Attempts that have ended", ["queue"])
BUSY = Gauge("sluice_worker_busy", "Attempts under way now")
SECONDS = Histogram(
    "sluice_worker_message_seconds",
    "Time from the beginning of an attempt to its verdict",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)

# `dramatiq --processes N` starts N processes with one configuration: each takes the next free port.
PORTS = 16


def note_end(lane: Task, seconds: float) -> None:
    """An attempt that came by this lane has ended."""
    MESSAGES.labels(lane.queue_name).inc()
    SECONDS.observe(seconds)


class Metrics(dramatiq.Middleware):
    def __init__(self, *, host: str, port: int) -> None:
        self._host = host
        self._port = port

    def before_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        if self._port == 0:
            return
        for port in range(self._port, self._port + PORTS):
            try:
                start_http_server(port, addr=self._host)
            except OSError:
                continue
            log.info("metrics.listening", port=port)
            return
        log.warning("metrics.no_free_port", first=self._port, tried=PORTS)
