"""From the bell to the attempt: a message is answered as soon as there is room for its job.

An attempt is a task of the event loop and holds no thread of Dramatiq's. A message says no more
than "look at this job", so it is acknowledged when that is about to happen: whatever becomes of it,
Postgres knows. A few dozen jobs of a lane are in the hall, where it is found out how large they are
and where they wait for room; while the hall is full, messages wait, and hold a thread each and a
place among those that the process may fetch of its lane.

The hall lets a busy loop take in new jobs faster than it ends others: each that enters waits for
the loop and for a connection as often as a few steps of an attempt do.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.errors import is_away
from db.repositories.claims import Prospect
from pipeline.doors import Door
from pipeline.queue import PROCESS_NEXT_DOCUMENT, Task
from worker.recycle import Recycle

log = structlog.get_logger(__name__)

# Jobs of a lane in the hall.
HALL = 32
# So long a message waits for a place in it; the announcer rings again for what nobody has claimed.
WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.5  # until a thread that waits notices that the process stops
# What attempts are given to end before the process starts over; most are small. What is longer is
# released as at any other stop.
DRAIN_SECONDS = 20.0

# Told the lane of an attempt that has ended, and how many seconds it took.
Ended = Callable[[Task, float], None]


class Runner(Protocol):
    """As `pipeline/run.py` has it."""

    async def prospect(self, job_id: UUID) -> Prospect | None: ...

    async def run(self, job_id: UUID, *, first: bool) -> None: ...


class Reception:
    """Belongs to the event loop that is running when it is made."""

    def __init__(
        self, runner: Runner, doors: Mapping[Task, Door], recycle: Recycle, *, ended: Ended
    ) -> None:
        self._runner = runner
        self._doors = doors
        self._recycle = recycle
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._halls = {lane: threading.Semaphore(HALL) for lane in doors}
        self._is_shut = threading.Event()
        self._starting_over: asyncio.Task[None] | None = None
        self._known: set[UUID] = set()
        self._rung_again: set[UUID] = set()  # of those, while an attempt may be at its end
        self._attempts: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        return len(self._attempts)

    def receive(self, job_id: UUID, lane: Task) -> None:
        """Return when the job is in the hall, or nothing is to be made of it here.

        For threads other than the loop's. Safe to call twice for one job, and with a job that is
        long done.
        """
        began = time.monotonic()
        while not self._halls[lane].acquire(timeout=LOOK_SECONDS):
            if self._is_shut.is_set() or time.monotonic() - began > WAIT_SECONDS:
                return
        self._loop.call_soon_threadsafe(self._take_in, job_id, lane)

    def _take_in(self, job_id: UUID, lane: Task) -> None:
        if job_id in self._known or self._is_shut.is_set():
            self._halls[lane].release()
            # The announcer may have rung twice; or the job has been released since, and this ring
            # is all that it gets for a while.
            if job_id in self._known:
                self._rung_again.add(job_id)
            return
        self._known.add(job_id)
        attempt = asyncio.create_task(self._attempt(job_id, lane))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    def shut(self) -> None:
        """Begin no further attempts."""
        self._is_shut.set()
        for door in self._doors.values():
            door.shut()

    async def finish(self, seconds: float) -> bool:
        """Wait for the attempts under way; whether all have ended."""
        if not self._attempts:
            return True
        _, left = await asyncio.wait(self._attempts, timeout=seconds)
        return not left

    async def _weight(self, job_id: UUID, door: Door) -> int | None:
        """None if there is nothing to do."""
        try:
            prospect = await self._runner.prospect(job_id)
        except (SQLAlchemyError, OSError) as error:
            if not is_away(error):
                raise
            return door.weight_of(None)  # the attempt has the patience to ask again
        return None if prospect is None else door.weight_of(prospect.file_bytes)

    async def _attempt(self, job_id: UUID, lane: Task) -> None:
        try:
            weight = await self._enter(job_id, lane)
            if weight is not None:
                await self._run(job_id, lane, weight)
        except Exception as error:
            # Nobody awaits this task. The lease, if there is one, runs out.
            log.exception("attempt.crashed", job_id=str(job_id), error=type(error).__name__)
        finally:
            self._known.discard(job_id)
            self._look_again(job_id, lane)

    def _look_again(self, job_id: UUID, lane: Task) -> None:
        if job_id in self._rung_again:
            self._rung_again.discard(job_id)
            if self._halls[lane].acquire(blocking=False):  # else the announcer loses hope in time
                self._take_in(job_id, lane)

    async def _enter(self, job_id: UUID, lane: Task) -> int | None:
        """The room that the job has taken; None if there is nothing to do."""
        door = self._doors[lane]
        try:
            weight = await self._weight(job_id, door)
            return weight if weight is not None and await door.enter(weight) else None
        finally:
            self._halls[lane].release()

    async def _run(self, job_id: UUID, lane: Task, weight: int) -> None:
        began = time.monotonic()
        try:
            await self._runner.run(job_id, first=lane == PROCESS_NEXT_DOCUMENT)
        finally:
            self._doors[lane].leave(weight)
            self._ended(lane, time.monotonic() - began)
            if self._recycle.is_due() and self._starting_over is None:
                self._starting_over = asyncio.create_task(self._start_over())

    async def _start_over(self) -> None:
        for door in self._doors.values():
            door.hold()
        for _ in range(int(DRAIN_SECONDS / LOOK_SECONDS)):
            if not any(door.is_taken for door in self._doors.values()):
                break
            await asyncio.sleep(LOOK_SECONDS)
        self._recycle.restart()
