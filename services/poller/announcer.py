"""The announcer: the only one that rings. Every reason to run a job comes down to one query.

New, retried, released, lost or resumed: a job that is due, held by nobody and not announced lately
is announced, while only a few messages wait in Redis. So Redis stays small whatever the backlog,
and cancel, pause and priority need nothing but the row.
"""

import asyncio
import time
from datetime import timedelta

import structlog
from prometheus_client import Counter, Gauge, Histogram
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories.announcing import AnnouncingRepository, Due
from pipeline.broker import Doorbell
from pipeline.queue import ALL_TASKS, PROCESS_LARGE_DOCUMENT, Task, task_for
from poller.fairness import fair_order
from poller.listener import sleep

log = structlog.get_logger(__name__)

ANNOUNCED = Counter("sluice_jobs_announced", "Jobs announced to workers", ["queue"])
LAPSED = Counter("sluice_leases_lapsed", "Leases that ran out: workers that died or hung")
UNFINISHED = Gauge("sluice_jobs_unfinished", "Jobs that are not finished", ["status"])
OLDEST = Gauge("sluice_jobs_oldest_due_seconds", "How long the oldest due job has waited")
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
        self._counted_at = 0.0
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
        rooms = {task: max(self._window - count, 0) for task, count in waiting.items()}
        empty = not any(waiting.values())
        async with self._sessions.begin() as session:
            jobs = AnnouncingRepository(session)
            if not await jobs.lead():
                return 0
            lapsed = await jobs.reap(lapses_max=self._lapses_max, limit=REAP_MAX)
            again = LOST_AFTER if empty else self._again
            chosen: list[Due] = []
            self._has_more = False
            for task, room in rooms.items():
                # One more than there is room for, to know whether anything is left behind.
                due = await jobs.due(
                    large=task == PROCESS_LARGE_DOCUMENT, announced_before=again, limit=room + 1
                )
                taken = fair_order(due, await jobs.at_work() if due else {}, room)
                self._has_more |= len(taken) < len(due)
                chosen += taken
            if chosen:
                await jobs.mark([job.job_id for job in chosen])
            await self._count(jobs)
        if lapsed:
            LAPSED.inc(len(lapsed))
            log.warning("jobs.lapsed", count=len(lapsed))
        # After the commit: a worker that answers at once must see the row. If Redis fails here the
        # jobs are announced again later.
        for task in ALL_TASKS:
            ids = [job.job_id for job in chosen if task_for(large=job.large) == task]
            if ids:
                await asyncio.to_thread(self._doorbell.ring, task, ids)
                ANNOUNCED.labels(task.queue_name).inc(len(ids))
        return len(chosen)

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

    async def _count(self, jobs: AnnouncingRepository) -> None:
        if time.monotonic() - self._counted_at < BACKLOG_EVERY_SECONDS:
            return
        self._counted_at = time.monotonic()
        backlog = await jobs.backlog()
        UNFINISHED.labels("queued").set(backlog["queued"])
        UNFINISHED.labels("processing").set(backlog["processing"])
        OLDEST.set(backlog["oldest_due_seconds"])
