"""The actors: shells. What an attempt does is `pipeline/run.py` and `pipeline/stages.py`."""

from collections.abc import Callable
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from pipeline.queue import ALL_TASKS, Task
from worker import resources


def declare(broker: RedisBroker) -> None:
    """One actor a queue. A queue is a lane: no lane keeps more threads of a process waiting for
    room than it prefetches, and each may be served by a deployment of its own."""
    for task in ALL_TASKS:
        dramatiq.actor(
            broker=broker,
            actor_name=task.actor_name,
            queue_name=task.queue_name,
            priority=task.priority,
            max_retries=0,  # Postgres decides on retries; see pipeline/verdict.py
        )(_answer(task))


def _answer(task: Task) -> Callable[[str], None]:
    def answer(job_id: str) -> None:
        resources.current().reception.receive(UUID(job_id), task)

    return answer
