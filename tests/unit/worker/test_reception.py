"""A message is answered when its attempt has begun, and a worker starts over between attempts."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from db.repositories.claims import Prospect
from pipeline.doors import Door
from pipeline.queue import ALL_TASKS, PROCESS_DOCUMENT, PROCESS_NEXT_DOCUMENT, Task
from worker.reception import Reception
from worker.recycle import Recycle


@dataclass
class Attempts:
    """In place of the runner: attempts last until they are let go."""

    begun: list[tuple[UUID, bool]] = field(default_factory=list)
    finished: set[UUID] = field(default_factory=set)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def prospect(self, job_id: UUID) -> Prospect | None:
        return None if job_id in self.finished else Prospect(0, 10)

    async def run(self, job_id: UUID, *, first: bool) -> None:
        self.begun.append((job_id, first))
        await self.go_on.wait()
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
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_message_is_answered_while_its_attempt_goes_on_and_waits_only_for_room() -> None:
    attempts = Attempts()
    desk, ended = reception(attempts, room=4)
    jobs = [uuid4() for _ in range(5)]
    for job in jobs[:4]:
        await desk.receive(job, PROCESS_DOCUMENT)
    waiting = asyncio.create_task(desk.receive(jobs[4], PROCESS_DOCUMENT))
    await desk.receive(lone := uuid4(), PROCESS_NEXT_DOCUMENT)
    await desk.receive(jobs[0], PROCESS_DOCUMENT)  # rung for twice
    await settle()
    before = (waiting.done(), desk.under_way)
    attempts.go_on.set()
    await waiting
    await desk.receive(jobs[0], PROCESS_DOCUMENT)  # done long ago

    assert before == (False, 5)
    assert await desk.finish(5)
    assert sorted(attempts.begun) == sorted([*((job, False) for job in jobs), (lone, True)])
    assert len(ended) == 6


async def test_a_worker_starts_over_when_the_attempts_under_way_have_ended() -> None:
    attempts, recycle = Attempts(), Restarts(jobs=1)
    desk, _ = reception(attempts, recycle=recycle)
    await desk.receive(uuid4(), PROCESS_DOCUMENT)
    attempts.go_on.set()
    await asyncio.wait_for(recycle.restarted.wait(), 5)
    late = asyncio.create_task(desk.receive(uuid4(), PROCESS_DOCUMENT))
    await settle()
    held = not late.done()
    desk.shut()
    await late

    assert held
    assert len(attempts.begun) == 1
