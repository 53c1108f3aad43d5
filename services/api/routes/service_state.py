"""How the work goes: workers, queues, and the past as curves."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from api.auth import Caller
from api.problems import documented
from api.queues import RedisState
from api.resources import Resources
from api.views import money_or_none
from db.models import Breaker, HistorySample
from db.repositories.breakers import BreakerRepository
from db.repositories.queues import Announced, QueueRepository
from db.repositories.samples import STEPS, SampleRepository, step_for
from db.repositories.workers import WorkerJob, WorkerRepository, WorkerRow
from pipeline.queue import ALL_TASKS, PROCESS_DOCUMENT, PROCESS_LARGE_DOCUMENT, Task

HISTORY_MINUTES_MAX = int(STEPS[-1].kept.total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class WorkerJobView:
    job_id: UUID
    file_name: str
    stage: str | None
    percent: int
    since: datetime

    @classmethod
    def of(cls, job: WorkerJob) -> Self:
        return cls(job.job_id, job.file_name, job.stage, job.percent, job.since)


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker process. It is `gone` when it has said nothing for 20 s, or goodbye; a day later it
    is forgotten. `memory_bytes` and `cpu_percent` (of one core) count its parser children too.
    `busy` of its `threads` have a job of some tenant; `jobs` are those of yours."""

    name: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    state: Literal["live", "gone"]
    version: str
    threads: int
    busy: int
    memory_bytes: int
    cpu_percent: float
    restarts: int
    jobs: list[WorkerJobView]

    @classmethod
    def of(cls, row: WorkerRow, jobs: list[WorkerJob]) -> Self:
        worker = row.worker
        return cls(
            name=worker.name,
            host=worker.host,
            pid=worker.pid,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            state="live" if row.live else "gone",
            version=worker.version,
            threads=worker.threads,
            busy=worker.busy if row.live else 0,
            memory_bytes=worker.memory_bytes,
            cpu_percent=worker.cpu_percent,
            restarts=worker.restarts,
            jobs=[WorkerJobView.of(job) for job in jobs],
        )


@dataclass(frozen=True, slots=True)
class WorkersView:
    items: list[WorkerView]


@dataclass(frozen=True, slots=True)
class LaneView:
    """A queue of messages, of all tenants. `waiting` are those that no worker has fetched, null
    while Redis is away; `announced` are jobs that none has begun, the oldest `oldest_seconds` ago.
    Those of `documents-next` count with `documents`."""

    name: str
    waiting: int | None
    announced: int | None
    oldest_seconds: float | None

    @classmethod
    def of(cls, task: Task, redis: RedisState | None, announced: Announced | None) -> Self:
        counted = task in {PROCESS_DOCUMENT, PROCESS_LARGE_DOCUMENT}
        none = 0 if counted else None
        return cls(
            name=task.queue_name,
            waiting=None if redis is None else redis.waiting[task],
            announced=none if announced is None else announced.jobs,
            oldest_seconds=None if announced is None else announced.oldest_seconds,
        )


@dataclass(frozen=True, slots=True)
class WaitingForView:
    """What queued jobs wait for: `ready` ones for a worker. Counted to 100,000."""

    ready: int
    retry: int
    dependency: int
    pause: int


@dataclass(frozen=True, slots=True)
class ThroughputView:
    """Of the last minute."""

    jobs_per_minute: int
    chunks_per_minute: int


@dataclass(frozen=True, slots=True)
class BreakerView:
    """A dependency that workers find away; jobs that need it wait."""

    dependency: str
    open_since: datetime
    error_code: str

    @classmethod
    def of(cls, breaker: Breaker) -> Self:
        return cls(breaker.dependency, breaker.open_since, breaker.error_code)


@dataclass(frozen=True, slots=True)
class PaceView:
    """How fast the embedding endpoint may be asked; null where no limit is known. `refusals` in the
    last seconds."""

    model: str
    requests_per_minute: float | None
    tokens_per_minute: float | None
    refusals: int


@dataclass(frozen=True, slots=True)
class QueuesView:
    """Lanes, breakers and pace are the deployment's, the rest the tenant's. `pace` is null while
    Redis is away, and empty if no call was made lately."""

    lanes: list[LaneView]
    unfinished: int
    processing: int
    waiting_for: WaitingForView
    throughput: ThroughputView
    breakers: list[BreakerView]
    pace: list[PaceView] | None


@dataclass(frozen=True, slots=True)
class HistoryPointView:
    """The step that ended `at`. `completed`, `failed`, `chunks`, `tokens` and `cost` are of jobs
    that ended in it; half of the completed ones took `p50_seconds` from being queued, 95 of 100
    `p95_seconds`. `queued`, `processing` and `oldest_seconds` are as of its end; of steps longer
    than ten seconds they are the highest that was seen. `queued` and `processing` are null where
    nobody looked in time: that cannot be known afterwards."""

    at: datetime
    queued: int | None
    processing: int | None
    completed: int
    failed: int
    chunks: int
    tokens: int
    cost: str | None
    oldest_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None

    @classmethod
    def of(cls, sample: HistorySample) -> Self:
        return cls(
            at=sample.at,
            queued=sample.queued,
            processing=sample.processing,
            completed=sample.completed,
            failed=sample.failed,
            chunks=sample.chunks,
            tokens=sample.tokens,
            cost=money_or_none(sample.cost),
            oldest_seconds=sample.oldest_seconds,
            p50_seconds=sample.p50_seconds,
            p95_seconds=sample.p95_seconds,
        )


@dataclass(frozen=True, slots=True)
class HistoryView:
    """Steps in which nothing was there to do have no point. Nor have those that ended while no
    poller ran, and of ten seconds those that none could take for more than ten minutes."""

    step_seconds: int
    points: list[HistoryPointView]


@get("/workers", summary="List workers", responses=documented())
async def list_workers(
    caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> WorkersView:
    """Of the deployment, those that live first, each with what it has of this tenant's."""
    async with resources.sessions() as session:
        workers = WorkerRepository(session)
        rows, jobs = await workers.all(), await workers.jobs(caller.tenant_id)
    by_worker: dict[str, list[WorkerJob]] = {}
    for job in jobs:
        by_worker.setdefault(job.worker, []).append(job)
    return WorkersView([WorkerView.of(row, by_worker.get(row.worker.name, [])) for row in rows])


@get("/queues", summary="What waits, and for what", responses=documented())
async def get_queues(
    caller: NamedDependency[Caller], resources: NamedDependency[Resources]
) -> QueuesView:
    """Lanes, breakers and the pace of embedding; and the tenant's own jobs."""
    redis = await resources.queues.read()
    async with resources.sessions() as session:
        queues = QueueRepository(session)
        announced = await queues.announced()
        backlog = await queues.backlog(caller.tenant_id)
        throughput = await queues.throughput(caller.tenant_id)
        breakers = await BreakerRepository(session).opened()
    by_lane = {
        PROCESS_DOCUMENT: announced.get(False),
        PROCESS_LARGE_DOCUMENT: announced.get(True),
    }
    waits = backlog.queued
    return QueuesView(
        lanes=[LaneView.of(task, redis, by_lane.get(task)) for task in ALL_TASKS],
        unfinished=sum(waits.values()) + backlog.processing,
        processing=backlog.processing,
        waiting_for=WaitingForView(
            **{name: waits.get(name, 0) for name in ("ready", "retry", "dependency", "pause")}
        ),
        throughput=ThroughputView(throughput.jobs, throughput.chunks),
        breakers=[BreakerView.of(breaker) for breaker in breakers],
        pace=None if redis is None else _pace(redis, resources.embedder.model.model),
    )


@get("/history", summary="The past as curves", responses=documented())
async def get_history(
    caller: NamedDependency[Caller],
    resources: NamedDependency[Resources],
    minutes: Annotated[
        int,
        QueryParameter(
            ge=1, le=HISTORY_MINUTES_MAX, description="How far back; 60, 1440 or 10080, say."
        ),
    ] = 60,
) -> HistoryView:
    """Of the tenant: every ten seconds of the last two hours, every five minutes of two days, every
    half hour of thirty days."""
    since = timedelta(minutes=minutes)
    step = step_for(since)
    async with resources.sessions() as session:
        samples = await SampleRepository(session).points(caller.tenant_id, since=since, step=step)
    return HistoryView(step.seconds, [HistoryPointView.of(sample) for sample in samples])


def _pace(redis: RedisState, model: str) -> list[PaceView]:
    pace = redis.pace
    if pace is None:
        return []
    return [PaceView(model, pace.requests_per_minute, pace.tokens_per_minute, pace.refusals)]


router = Router("/", route_handlers=[list_workers, get_queues, get_history], tags=["Operation"])
