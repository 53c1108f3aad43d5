"""The actors: shells. What an attempt does is `pipeline/run.py` and `pipeline/stages.py`."""

from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from pipeline.queue import ALL_TASKS, PROCESS_NEXT_DOCUMENT
from worker import resources


async def process(job_id: str) -> None:
    """Make one attempt at a job; safe to call twice, and with a job that is long done."""
    await resources.current().runner.run(UUID(job_id))


async def process_first(job_id: str) -> None:
    """The same, before all others of this process: its dataset has nothing else at work."""
    await resources.current().runner.run(UUID(job_id), first=True)


def declare(broker: RedisBroker) -> None:
    """One actor a queue. A queue is a lane: no lane takes more threads of a process than it
    prefetches, and each may be served by a deployment of its own."""
    for task in ALL_TASKS:
        dramatiq.actor(
            broker=broker,
            actor_name=task.actor_name,
            queue_name=task.queue_name,
            priority=task.priority,
            max_retries=0,  # Postgres decides on retries; see pipeline/verdict.py
        )(process_first if task == PROCESS_NEXT_DOCUMENT else process)
