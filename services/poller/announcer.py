"""The announcer: the only one that rings. Every reason to run a job comes down to one query.

New, retried, released, lost or resumed: a job that is due, held by nobody and not announced lately
is announced, while only a few messages wait in Redis. So Redis stays small whatever the backlog,
and cancel, pause and priority need nothing but the row.
"""

import asyncio
import time
from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories.announcing import AnnouncingRepository, Due
from db.repositories.breakers import BreakerRepository
from pipeline.broker import Doorbell
from pipeline.errors import Dependency
from pipeline.queue import (
    ALL_TASKS,
    PROCESS_DOCUMENT,
    PROCESS_LARGE_DOCUMENT,
    PROCESS_NEXT_DOCUMENT,
    Task,
)
from poller.fairness import fair_order
from poller.listener import sleep

log = structlog.get_logger(__name__)

ANNOUNCED = Counter("sluice_jobs_announced", "Jobs announced to workers", ["queue"])
LAPSED = Counter("sluice_leases_lapsed", "Leases that ran out: workers that died or hung")
UNFINISHED = Gauge("sluice_jobs_unfinished", "Jobs that are not finished", ["status"])
OLDEST = Gauge("sluice_jobs_oldest_due_seconds", "How long the oldest due job has waited")
BREAKER = Gauge("sluice_breaker_open", "1 while a dependency is thought away", ["dependency"])
TICK = Histogram("sluice_announcer_tick_seconds", "How long one look at the jobs takes")

# With NOTIFY a tick follows every commit; this only bounds what a lost notification costs.
TICK_WITH_NOTIFY = timedelta(seconds=1)
TICK_WITHOUT_NOTIFY = timedelta(milliseconds=250)
# Nobody rings when workers have taken what waited in Redis, so more is laid there in short steps.
TICK_WITH_BACKLOG = timedelta(milliseconds=100)
# Ticks this close together are one: a hundred commits in a burst need no hundred queries.
TICK_SPACING = timedelta(milliseconds=20)
# An announced job that nobody claimed although no message waits: Redis lost it, or a worker died
# with it. A worker that is alive claims within milliseconds of fetching.
LOST_AFTER = timedelta(seconds=5)
REAP_MAX = 200
BACKLOG_EVERY_SECONDS = 5.0
BACKLOG_SHARE = 200  # a two-hundredth of the time at most
# Messages that may wait in the lane of datasets that have nothing out: it must stay short, or it
# is no better than the other.
NEXT_WINDOW = 8
# What a job needs to get anywhere. The database is not among them: without it nobody announces.
INDEXING_NEEDS = {Dependency.OBJECT_STORE, Dependency.EMBEDDER, Dependency.VECTOR_STORE}
REMOVAL_NEEDS = {Dependency.OBJECT_STORE, Dependency.VECTOR_STORE}

Rings = dict[Task, list[UUID]]


class Announcer:
    def __init__(
        self,
        sessions: Sessions,
        doorbell: Doorbell,
        *,
        window: int,
        again: timedelta,
        lapses_max: int,
        news: asyncio.Event,
        hears: bool,
    ) -> None:
        """`news` is set when there may be something due; if nothing `hears`, a timer must do."""
        self._sessions = sessions
        self._doorbell = doorbell
        self._window = window
        self._again = again
        self._lapses_max = lapses_max
        self._news = news
        self._pause = TICK_WITH_NOTIFY if hears else TICK_WITHOUT_NOTIFY
        self._count_after = 0.0
        self._has_more = False

    async def run(self, stop: asyncio.Event) -> None:
        """Announce until `stop`."""
        while not stop.is_set():
            self._news.clear()
            pause = await self._tick_safely()
            await asyncio.sleep(TICK_SPACING.total_seconds())
            await sleep(pause.total_seconds(), stop, self._news)

    async def tick(self) -> int:
        """One look: reap, choose, mark, commit, ring; returns how many were announced."""
        waiting = await asyncio.to_thread(self._waiting)
        rooms = {task: max(self._window_of(task) - count, 0) for task, count in waiting.items()}
        # Apart: large files may fill their lane for hours, which says nothing of the others.
        large = self._again if waiting.pop(PROCESS_LARGE_DOCUMENT) else LOST_AFTER
        again = {True: large, False: self._again if any(waiting.values()) else LOST_AFTER}
        rings: Rings = defaultdict(list)
        async with self._sessions.begin() as session:
            jobs, breakers = AnnouncingRepository(session), BreakerRepository(session)
            if not await jobs.lead():
                return 0
            lapsed = await jobs.reap(lapses_max=self._lapses_max, limit=REAP_MAX)
            away = {breaker.dependency for breaker in await breakers.opened()}
            self._has_more = False
            if not away & REMOVAL_NEEDS:
                held = bool(away & INDEXING_NEEDS)
                await self._choose(jobs, rooms, rings, again=again, only_removals=held)
            if away:
                await self._probe(jobs, breakers, rings, again=again)
            chosen = [job_id for ids in rings.values() for job_id in ids]
            if chosen:
                await jobs.mark(chosen)
            await self._count(jobs, away)
        if lapsed:
            LAPSED.inc(len(lapsed))
            log.warning("jobs.lapsed", count=len(lapsed))
        # After the commit: a worker that answers at once must see the row. If Redis fails here the
        # jobs are announced again later.
        for task, ids in rings.items():
            await asyncio.to_thread(self._doorbell.ring, task, ids)
            ANNOUNCED.labels(task.queue_name).inc(len(ids))
        return len(chosen)

    async def _choose(
        self,
        jobs: AnnouncingRepository,
        rooms: dict[Task, int],
        rings: Rings,
        *,
        again: dict[bool, timedelta],
        only_removals: bool,
    ) -> None:
        """Fill the room of each lane with the jobs whose turn it is.

        `again`: after what time an announced job is announced once more, by whether it is large.
        """
        outstanding = await jobs.outstanding(max(again.values()))
        for large in (False, True):
            lane = PROCESS_LARGE_DOCUMENT if large else PROCESS_DOCUMENT
            # A large file never takes the lane that is kept free for the next one.
            next_room = 0 if large else rooms[PROCESS_NEXT_DOCUMENT]
            if not (rooms[lane] or next_room):
                self._has_more = True  # perhaps; to look would be in vain
                continue
            due = await jobs.due(
                large=large,
                announced_before=again[large],
                # One more than there is room for, to know whether anything is left behind.
                limit=rooms[lane] + next_room + 1,
                only_removals=only_removals,
            )
            begun: set[UUID] = set()
            for job in fair_order(due, outstanding, len(due)):
                if next_room and not job.outstanding and job.dataset_id not in begun:
                    begun.add(job.dataset_id)
                    next_room -= 1
                    rings[PROCESS_NEXT_DOCUMENT].append(job.job_id)
                elif rooms[lane]:
                    rooms[lane] -= 1
                    rings[lane].append(job.job_id)
                else:
                    self._has_more = True

    async def _probe(
        self,
        jobs: AnnouncingRepository,
        breakers: BreakerRepository,
        rings: Rings,
        *,
        again: dict[bool, timedelta],
    ) -> None:
        """Let one job through for each dependency whose turn it is: it will tell."""
        for probe in await breakers.probes():
            job_id, large = probe.job_id, probe.large
            if job_id is None:
                found = await self._any_due(jobs, again=again)
                if found is None:
                    await breakers.forget(probe.dependency)
                    continue
                job_id, large = found.job_id, found.large
            if not any(job_id in ids for ids in rings.values()):
                rings[PROCESS_LARGE_DOCUMENT if large else PROCESS_NEXT_DOCUMENT].append(job_id)
            log.info("breaker.probed", dependency=probe.dependency, job_id=str(job_id))

    @staticmethod
    async def _any_due(jobs: AnnouncingRepository, *, again: dict[bool, timedelta]) -> Due | None:
        for large in (False, True):
            due = await jobs.due(large=large, announced_before=again[large], limit=1)
            if due:
                return due[0]
        return None

    def _window_of(self, task: Task) -> int:
        return min(self._window, NEXT_WINDOW) if task == PROCESS_NEXT_DOCUMENT else self._window

    def _waiting(self) -> dict[Task, int]:
        return {task: self._doorbell.waiting(task) for task in ALL_TASKS}

    async def _tick_safely(self) -> timedelta:
        began = time.monotonic()
        try:
            announced = await self.tick()
        except RedisError as error:
            log.warning("announcer.redis_failed", error=type(error).__name__)
            return timedelta(seconds=1)
        except (SQLAlchemyError, OSError) as error:
            log.warning("announcer.database_failed", error=type(error).__name__)
            return timedelta(seconds=1)
        except Exception as error:
            # Without an announcer everything stands still: say it, and go on.
            log.exception("announcer.unexpected_error", error=type(error).__name__)
            return timedelta(seconds=1)
        TICK.observe(time.monotonic() - began)
        if announced:
            log.info("jobs.announced", count=announced)
        return TICK_WITH_BACKLOG if self._has_more else self._pause

    async def _count(self, jobs: AnnouncingRepository, away: set[str]) -> None:
        for dependency in Dependency:
            BREAKER.labels(dependency).set(dependency in away)
        began = time.monotonic()
        if began < self._count_after:
            return
        backlog = await jobs.backlog()
        # It reads the whole backlog, so the longer it takes the rarer it is.
        spent = time.monotonic() - began
        self._count_after = began + max(BACKLOG_EVERY_SECONDS, BACKLOG_SHARE * spent)
        UNFINISHED.labels("queued").set(backlog["queued"])
        UNFINISHED.labels("processing").set(backlog["processing"])
        OLDEST.set(backlog["oldest_due_seconds"])
