"""What Prometheus reads. Routes are labelled by their template, never by a path with ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry an application: two in one process, as in tests, must not share counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "sluice_api_requests_total",
            "Requests answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "sluice_api_request_seconds",
            "From the request's head to the last byte of its answer",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._search_seconds = Histogram(
            "sluice_api_search_seconds",
            "A search from query to hits",
            ["mode"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._searches_degraded = Counter(
            "sluice_api_searches_degraded_total",
            "Hybrid searches answered from keywords alone",
            registry=self._registry,
        )
        self._searches_not_reranked = Counter(
            "sluice_api_searches_not_reranked_total",
            "Searches answered without the reranker, which failed",
            registry=self._registry,
        )
        self._jobs = Gauge("sluice_jobs", "Unfinished jobs", ["status"], registry=self._registry)
        self._oldest_due = Gauge(
            "sluice_jobs_oldest_due_seconds",
            "How long the oldest due job has waited",
            registry=self._registry,
        )

    def request_finished(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, status).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def search_finished(
        self, mode: str, seconds: float, *, degraded: bool, not_reranked: bool
    ) -> None:
        self._search_seconds.labels(mode).observe(seconds)
        if degraded:
            self._searches_degraded.inc()
        if not_reranked:
            self._searches_not_reranked.inc()

    def backlog(self, backlog: dict[str, float]) -> None:
        """`queued`, `processing` and `oldest_due_seconds`, as the database has them now."""
        for status in ("queued", "processing"):
            self._jobs.labels(status).set(backlog[status])
        self._oldest_due.set(backlog["oldest_due_seconds"])

    def text(self) -> bytes:
        return generate_latest(self._registry)
