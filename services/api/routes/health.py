"""For those who run the service: is it alive, is it ready, how is it doing. Without a key."""

from dataclasses import dataclass
from typing import Literal

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE
from prometheus_client import CONTENT_TYPE_LATEST

from api.health import Health, ReadinessView
from api.metrics import Metrics
from api.resources import Resources
from db.errors import is_away
from db.repositories.announcing import AnnouncingRepository


@dataclass(frozen=True, slots=True)
class LivenessView:
    status: Literal["alive"] = "alive"


@get("/health/live", summary="Is the process alive", tags=["Health"], security=[])
async def live() -> LivenessView:
    """It answers, so it is; what it depends on is not asked."""
    return LivenessView()


@get(
    "/health/ready",
    summary="Can it serve requests",
    tags=["Health"],
    security=[],
    responses={
        HTTP_503_SERVICE_UNAVAILABLE: ResponseSpec(
            ReadinessView, description="Something that every request needs is unavailable."
        )
    },
)
async def ready(health: NamedDependency[Health]) -> Response[ReadinessView]:
    """Every dependency by name. Without the embedder it is degraded, but ready."""
    report = await health.ready()
    is_ready = report.status != "unavailable"
    return Response(report, status_code=HTTP_200_OK if is_ready else HTTP_503_SERVICE_UNAVAILABLE)


@get("/metrics", summary="Metrics for Prometheus", tags=["Health"], security=[])
async def metrics_text(
    metrics: NamedDependency[Metrics], resources: NamedDependency[Resources]
) -> Response[bytes]:
    """Requests, searches and unfinished jobs; without the jobs while the database is away."""
    try:
        async with resources.sessions() as session:
            metrics.backlog(await AnnouncingRepository(session).backlog())
    except Exception as error:  # what a lost database raises is told apart in one place
        if not is_away(error):
            raise
    return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


handlers = [live, ready, metrics_text]
