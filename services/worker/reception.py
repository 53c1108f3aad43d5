"""From the bell to the attempt: a message is answered as soon as there is room for its job.

An attempt is a task of the event loop and holds no thread of Dramatiq's. A message says no more
than "look at this job", so it is acknowledged when the attempt has begun: whatever becomes of that,
Postgres knows. While there is no room the message waits, and holds a thread and a place among those
that the process may fetch of its lane.
"""

import asyncio
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

# So long a message waits for room; the announcer rings again for what nobody has claimed.
WAIT_SECONDS = 600.0
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
    """Belongs to one event loop."""

    def __init__(
        self, runner: Runner, doors: Mapping[Task, Door], recycle: Recycle, *, ended: Ended
    ) -> None:
        self._runner = runner
        self._doors = doors
        self._recycle = recycle
        self._ended = ended
        self._starting_over: asyncio.Task[None] | None = None
        self._known: set[UUID] = set()
        self._attempts: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        return len(self._attempts)

    async def receive(self, job_id: UUID, lane: Task) -> None:
        """Return when an attempt at the job has begun, or none is to be made here.

        Safe to call twice for one job, and with a job that is long done.
        """
        if job_id in self._known:
            return  # the announcer has rung twice
        self._known.add(job_id)
        door = self._doors[lane]
        try:
            weight = await self._weight(job_id, door)
            async with asyncio.timeout(WAIT_SECONDS):
                is_inside = weight is not None and await door.enter(weight)
        except TimeoutError:
            log.info("job.not_admitted", job_id=str(job_id))
            is_inside = False
        except BaseException:
            self._known.discard(job_id)
            raise
        if weight is None or not is_inside:
            self._known.discard(job_id)
            return
        attempt = asyncio.create_task(self._attempt(job_id, lane, weight))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    def shut(self) -> None:
        """Begin no further attempts."""
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

    async def _attempt(self, job_id: UUID, lane: Task, weight: int) -> None:
        began = time.monotonic()
        try:
            await self._runner.run(job_id, first=lane == PROCESS_NEXT_DOCUMENT)
        except Exception as error:
            # Nobody awaits this task. The lease, if there is one, runs out.
            log.exception("attempt.crashed", job_id=str(job_id), error=type(error).__name__)
        finally:
            self._known.discard(job_id)
            self._doors[lane].leave(weight)
            self._ended(lane, time.monotonic() - began)
            if self._recycle.is_due() and self._starting_over is None:
                self._starting_over = asyncio.create_task(self._start_over())

    async def _start_over(self) -> None:
        for door in self._doors.values():
            door.hold()
        await self.finish(DRAIN_SECONDS)
        self._recycle.restart()
