"""What the api tells of workers, queues, the past, one job's history and a document's content."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import create_engine, session_factory
from db.models import HistorySample, Job, Role, Usage, Worker
from db.repositories.workers import WorkerRepository
from poller.sampler import Sampler
from support.api import Api
from support.attempts import claim, complete, fail
from support.work import home_of, queued, tenant_id_of
from worker.middleware.heartbeat import Heartbeat
from worker.resources import worker_name

API = "/api/v1"


async def get(api: Api, path: str, client: httpx.AsyncClient | None = None, **query: Any) -> Any:
    answer = await (client or api.client).get(f"{API}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_worker_says_how_it_is_and_shows_each_tenant_its_own_files(
    api: Api, shared_environment: dict[str, str]
) -> None:
    [job, _] = await queued(api, await home_of(api), "secret plan.pdf", "other.pdf")
    await claim(api.sessions, job)
    async with api.sessions.begin() as session:
        await session.execute(update(Job).where(Job.id == job).values(worker=worker_name()))
    stranger = api.as_key(await api.tenant_key())
    url = shared_environment["DATABASE_URL"]
    heartbeat = Heartbeat(
        lambda: session_factory(create_engine(url, pool_size=1, application_name="test")),
        busy=lambda: 3,
    )

    heartbeat.start(threads=9)
    mine = await until_seen(api, worker_name())
    theirs = next(
        each for each in (await get(api, "/workers", stranger))["items"] if each["jobs"] == []
    )
    await asyncio.to_thread(heartbeat.stop)
    gone = await until_seen(api, worker_name())

    assert (mine["state"], mine["busy"], mine["restarts"]) == ("live", 3, 0)
    assert mine["memory_bytes"] > 10_000_000
    assert [each["file_name"] for each in mine["jobs"]] == ["secret plan.pdf"]
    assert (theirs["name"], theirs["memory_bytes"] > 0) == (mine["name"], True)
    assert gone["state"] == "gone"


async def until_seen(api: Api, name: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            for worker in (await get(api, "/workers"))["items"]:
                if worker["name"] == name:
                    found: dict[str, Any] = worker
                    return found
            await asyncio.sleep(0.05)


async def test_a_worker_lives_on_while_postgres_is_away() -> None:
    tried = threading.Event()

    def nowhere() -> Any:
        tried.set()
        url = "postgresql://nobody@127.0.0.1:1/nothing"
        return session_factory(create_engine(url, pool_size=1, application_name="test"))

    heartbeat = Heartbeat(nowhere, busy=lambda: 0)
    heartbeat.start(threads=1)
    assert await asyncio.to_thread(tried.wait, 10)

    await asyncio.to_thread(heartbeat.stop)

    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


async def test_workers_that_are_gone_for_a_day_are_forgotten(api: Api) -> None:
    async with api.sessions.begin() as session:
        for name, days in (("old:1", 2), ("new:1", 0)):
            seen = func.now() - timedelta(days=days)
            session.add(
                Worker(
                    name=name, host="h", pid=1, parent=0, version="0", threads=1, busy=0,
                    memory_bytes=1, cpu_percent=0.0, started_at=seen, seen_at=seen,
                )
            )  # fmt: skip
        await session.flush()
        await WorkerRepository(session).forget(10)

        left = set(await session.scalars(select(Worker.name).where(Worker.host == "h")))

    assert left == {"new:1"}


async def test_queues_tell_what_waits_and_for_what(api: Api) -> None:
    home = await home_of(api)
    jobs = await queued(api, home, "a.txt", "b.txt", "c.txt", "d.txt")
    await claim(api.sessions, jobs[0])
    await complete(api.sessions, jobs[1], chunks=7)
    async with api.sessions.begin() as session:
        await session.execute(
            update(Job).where(Job.id == jobs[2]).values(waiting_for="retry", announced_at=None)
        )

    shown = await get(api, "/queues")
    await api.client.patch(f"{API}/datasets/{home.dataset_id}", json={"paused": True})
    paused = await get(api, "/queues")

    assert (shown["unfinished"], shown["processing"]) == (3, 1)
    assert shown["waiting_for"] == {"ready": 1, "retry": 1, "dependency": 0, "pause": 0}
    assert paused["waiting_for"]["pause"] == 2
    assert shown["throughput"] == {"jobs_per_minute": 1, "chunks_per_minute": 7}
    assert {lane["name"] for lane in shown["lanes"]} == {
        "documents", "documents-large", "documents-next",
    }  # fmt: skip
    assert all(lane["waiting"] is not None for lane in shown["lanes"])
    assert shown["pace"] is not None


async def test_the_past_is_sampled_once_by_any_number_of_pollers_and_thinned(api: Api) -> None:
    home = await home_of(api)
    waiting, done, bad = await queued(api, home, "a.txt", "b.txt", "c.txt")
    await complete(api.sessions, done, chunks=7)
    await fail(api.sessions, bad, code="parser_crashed", message="crash")
    tenant_id = await tenant_id_of(api)
    async with api.sessions.begin() as session:
        session.add(Usage(tenant_id=tenant_id, job_id=done, model="m", tokens=5, cost=2))
        created = func.now() - timedelta(seconds=100)
        await session.execute(update(Job).where(Job.id == done).values(created_at=created))
        now = (await session.execute(select(func.now()))).scalar_one()
    pollers = [Sampler(api.sessions), Sampler(api.sessions)]
    half_an_hour_on = now + timedelta(minutes=30)

    for at in (now + timedelta(seconds=12), now + timedelta(minutes=5), half_an_hour_on):
        await asyncio.gather(*(poller.sample(now=at) for poller in pollers))

    shown = [await get(api, "/history", minutes=minutes) for minutes in (60, 1440, 10080)]
    assert [each["step_seconds"] for each in shown] == [10, 300, 1800]
    for history in shown:
        points = history["points"]
        assert sum(point["completed"] for point in points) == 1
        assert sum(point["failed"] for point in points) == 1
        assert sum(point["chunks"] for point in points) == 7
        assert [point["cost"] for point in points if point["completed"]] == ["2"]
        assert {point["queued"] for point in points} - {None} == {1}
        assert 80 < next(p["p95_seconds"] for p in points if p["completed"]) < 130
    assert (await get(api, "/history", api.as_key(await api.tenant_key())))["points"] == []
    assert waiting


async def test_what_nobody_sampled_in_time_is_counted_later_without_guessing_what_waited(
    api: Api,
) -> None:
    waiting, done = await queued(api, await home_of(api), "a.txt", "b.txt")
    async with api.sessions.begin() as session:
        now = (await session.execute(select(func.now()))).scalar_one()
        # Every sample ends where it begins to count, so the figures hold at any time of the day.
        begin = datetime.fromtimestamp(now.timestamp() // 1800 * 1800, UTC)
        before = update(Job).where(Job.id.in_([waiting, done]))
        await session.execute(before.values(created_at=begin - timedelta(minutes=1)))
    sampler = Sampler(api.sessions)
    await sampler.sample(now=begin + timedelta(seconds=12))
    await complete(api.sessions, done, chunks=7)
    async with api.sessions.begin() as session:
        await session.execute(
            update(Job).where(Job.id == done).values(finished_at=begin + timedelta(seconds=35))
        )

    await sampler.sample(now=begin + timedelta(seconds=62))
    async with api.sessions.begin() as session:
        finest = await samples_of(session, api, step_seconds=10)
        await session.execute(delete(HistorySample).where(HistorySample.at > begin))
    await sampler.sample(now=begin + timedelta(minutes=12))

    assert [(row.queued, row.completed, row.chunks) for row in finest if row.at > begin] == [
        (2, 0, 0),
        (None, 0, 0),
        (None, 0, 0),
        (None, 1, 7),
        (None, 0, 0),
        (1, 0, 0),
    ]
    async with api.sessions() as session:
        coarse = await samples_of(session, api, step_seconds=300)
    assert [(row.completed, row.chunks) for row in coarse if row.at > begin] == [(1, 7), (0, 0)]


async def samples_of(session: AsyncSession, api: Api, *, step_seconds: int) -> list[HistorySample]:
    """Of the tenant, oldest first."""
    rows = await session.scalars(
        select(HistorySample)
        .where(
            HistorySample.tenant_id == await tenant_id_of(api),
            HistorySample.step_seconds == step_seconds,
        )
        .order_by(HistorySample.at)
    )
    return list(rows)


async def test_old_samples_go(api: Api) -> None:
    await queued(api, await home_of(api), "a.txt")
    async with api.sessions() as session:
        now = (await session.execute(select(func.now()))).scalar_one()
    sampler = Sampler(api.sessions)
    for days in (0, 31):
        await sampler.sample(now=now + timedelta(days=days))

    async with api.sessions() as session:
        oldest = await session.scalar(
            select(func.min(HistorySample.at)).where(
                HistorySample.tenant_id == await tenant_id_of(api)
            )
        )

    assert oldest is not None
    assert oldest > now + timedelta(days=30)


async def test_a_job_tells_what_happened_to_it_in_order(api: Api) -> None:
    home = await home_of(api)
    [job, other] = await queued(api, home, "a.txt", "b.txt")
    await fail(api.sessions, job, code="parser_crashed", message="crash")
    await complete(api.sessions, other, chunks=1)

    first = await get(api, f"/jobs/{job}/timeline", limit=2)
    rest = await get(api, f"/jobs/{job}/timeline", limit=2, cursor=first["next_cursor"])

    kinds = [each["kind"] for each in first["items"] + rest["items"]]
    assert kinds == ["job.queued", "job.claimed", "job.failed"]
    stranger = api.as_key(await api.tenant_key())
    assert (await stranger.get(f"{API}/jobs/{job}/timeline")).status_code == 404


async def test_the_audit_log_says_which_key_did_what_in_pages(api: Api) -> None:
    made = [await api.dataset() for _ in range(3)]
    reader = api.as_key(await api.tenant_key(api.tenant, Role.READ_ONLY))

    first = await get(api, "/audit-log", reader, action="dataset.created", limit=2)
    rest = await get(
        api, "/audit-log", reader, action="dataset.created", cursor=first["next_cursor"]
    )

    entries = first["items"] + rest["items"]
    assert [UUID(each["target"]) for each in entries] == made[::-1]
    assert {each["key"]["name"] for each in entries} == {"test"}
    assert (await get(api, "/audit-log", api.as_key(await api.tenant_key())))["items"] == []
