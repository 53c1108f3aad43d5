"""A message is answered when its attempt has begun, and a worker starts over between attempts."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from db.repositories.claims import Prospect
from pipeline.doors import Door
from pipeline.queue import ALL_TASKS, PROCESS_DOCUMENT, PROCESS_NEXT_DOCUMENT, Task
from worker import reception as reception_module
from worker.reception import Reception
from worker.recycle import Recycle


@dataclass
class Attempts:
    """In place of the runner: attempts last until they are let go."""

    begun: list[tuple[UUID, bool]] = field(default_factory=list)
    finished: set[UUID] = field(default_factory=set)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    released: int = 0  # so many of them end with the job queued again

    async def prospect(self, job_id: UUID) -> Prospect | None:
        return None if job_id in self.finished else Prospect(0, 10)

    async def run(self, job_id: UUID, *, first: bool) -> None:
        self.begun.append((job_id, first))
        await self.go_on.wait()
        self.released -= 1
        if self.released < 0:
            self.finished.add(job_id)


class Restarts(Recycle):
    def __init__(self, *, jobs: int) -> None:
        super().__init__(jobs=jobs, memory_bytes=0)
        self.restarted = asyncio.Event()

    def restart(self) -> None:
        self.restarted.set()


def reception(
    attempts: Attempts, *, room: int = 4, recycle: Recycle | None = None
) -> tuple[Reception, list[str]]:
    ended: list[str] = []

    def note(lane: Task, _: float) -> None:
        ended.append(lane.queue_name)

    doors = {task: Door(room) for task in ALL_TASKS}
    recycle = recycle or Restarts(jobs=0)
    return Reception(attempts, doors, recycle, ended=note), ended


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_messages_are_answered_while_attempts_go_on_and_wait_when_the_hall_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reception_module, "HALL", 2)
    attempts = Attempts()
    desk, ended = reception(attempts, room=4)
    jobs = [uuid4() for _ in range(7)]
    for job in jobs[:6]:  # four inside, two in the hall
        desk.receive(job, PROCESS_DOCUMENT)
        await settle()
    waiting = asyncio.create_task(asyncio.to_thread(desk.receive, jobs[6], PROCESS_DOCUMENT))
    desk.receive(lone := uuid4(), PROCESS_NEXT_DOCUMENT)
    await settle()
    before = (waiting.done(), len(attempts.begun))
    attempts.go_on.set()
    await waiting
    await settle()
    desk.receive(jobs[0], PROCESS_DOCUMENT)  # done long ago
    await settle()

    assert before == (False, 5)
    assert await desk.finish(5)
    assert sorted(attempts.begun) == sorted([*((job, False) for job in jobs), (lone, True)])
    assert len(ended) == 8


async def test_a_job_that_is_rung_for_twice_is_begun_once() -> None:
    attempts = Attempts()
    desk, _ = reception(attempts)
    desk.receive(job := uuid4(), PROCESS_DOCUMENT)
    desk.receive(job, PROCESS_DOCUMENT)
    await settle()

    assert attempts.begun == [(job, False)]
    attempts.go_on.set()
    assert await desk.finish(5)


async def test_a_ring_that_comes_while_its_job_is_leaving_is_heard() -> None:
    """It has been released, for a newer version say, and nobody rings again for a while."""
    attempts = Attempts(released=1)
    desk, _ = reception(attempts)
    desk.receive(job := uuid4(), PROCESS_DOCUMENT)
    await settle()
    desk.receive(job, PROCESS_DOCUMENT)
    await settle()
    attempts.go_on.set()
    await settle()

    assert attempts.begun == [(job, False), (job, False)]
    assert await desk.finish(5)


async def test_a_worker_starts_over_when_the_attempts_under_way_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reception_module, "LOOK_SECONDS", 0.01)
    attempts, recycle = Attempts(), Restarts(jobs=1)
    desk, _ = reception(attempts, recycle=recycle)
    desk.receive(uuid4(), PROCESS_DOCUMENT)
    await settle()
    attempts.go_on.set()
    await asyncio.wait_for(recycle.restarted.wait(), 5)
    desk.receive(uuid4(), PROCESS_DOCUMENT)
    await settle()
    held = desk.under_way == 1
    desk.shut()

    assert held
    assert await desk.finish(5)
    assert len(attempts.begun) == 1
