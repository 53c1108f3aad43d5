"""The doorbell itself: Dramatiq over Redis, set up alike for who rings and who answers."""

from collections.abc import Sequence
from uuid import UUID

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from pipeline.queue import Task

HEARTBEAT_MILLISECONDS = 30_000
# Chance, per million commands, of looking for messages of dead workers. Postgres re-announces
# lost ones anyway; this only keeps their ids from staying in Redis for long.
MAINTENANCE_CHANCE = 50_000
DEAD_MESSAGE_MILLISECONDS = 24 * 3600 * 1000  # nothing reads them, they are there for people
SOCKET_SECONDS = 5.0


def create_client(redis_url: str) -> Redis:
    """A client that reconnects after a failover; a repeated `enqueue` does no harm here."""
    return Redis.from_url(
        redis_url,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=SOCKET_SECONDS,
        health_check_interval=30,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), retries=2),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, ReadOnlyError],
    )


def create_broker(
    redis_url: str, *, namespace: str, middleware: Sequence[dramatiq.Middleware]
) -> RedisBroker:
    return RedisBroker(  # type: ignore[no-untyped-call]  # the library's constructor has no types
        client=create_client(redis_url),
        namespace=namespace,
        middleware=list(middleware),
        heartbeat_timeout=HEARTBEAT_MILLISECONDS,
        maintenance_chance=MAINTENANCE_CHANCE,
        dead_message_ttl=DEAD_MESSAGE_MILLISECONDS,
    )


class Doorbell:
    """Rings for jobs. Blocking, as Dramatiq is: call it from a thread."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker

    def waiting(self, task: Task) -> int:
        """How many messages nobody has fetched yet."""
        return int(self._broker.client.llen(f"{self._broker.namespace}:{task.queue_name}"))

    def ring(self, task: Task, job_ids: Sequence[UUID]) -> None:
        for job_id in job_ids:
            self._broker.enqueue(
                dramatiq.Message(
                    queue_name=task.queue_name,
                    actor_name=task.actor_name,
                    args=(str(job_id),),
                    kwargs={},
                    options={},
                )
            )

    def close(self) -> None:
        self._broker.close()
