"""The worker process: `dramatiq_queue_prefetch=4 dramatiq worker.main --processes 1 --threads 9`.

There are three lanes, each a queue: ordinary files, large ones, and the next file of whoever has
nothing at work. A message is answered before its attempt begins (`reception.py`), so threads are
held only by messages for which there is no room. A process holds at most `dramatiq_queue_prefetch`
of them of each lane: with one thread more than twice as many a thread is always free for the third,
and few messages wait here while another worker is idle. Scale by replicas, or by `--processes`;
`-Q documents-large` serves one lane only.
"""

import asyncio

import dramatiq
import uvloop
from dramatiq.middleware import AsyncIO, CurrentMessage, Retries, TimeLimit

from pipeline.broker import create_broker
from pipeline.logs import configure_logs
from pipeline.settings import read_settings
from worker import resources
from worker.actors import declare
from worker.middleware.boot import Boot
from worker.middleware.heartbeat import Heartbeat
from worker.middleware.metrics import Metrics
from worker.reception import WAIT_SECONDS
from worker.resources import own_sessions
from worker.settings import WorkerSettings

# Dramatiq's own limit is only an alarm above ours: it cannot stop what does not await.
ALARM_SECONDS = WAIT_SECONDS + 300

# Dramatiq makes the loop of the actors by the policy, and takes none as an argument.
asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

settings = read_settings(WorkerSettings)
configure_logs(level=settings.log_level, json=settings.log_json, service="worker")

broker = create_broker(
    settings.redis_url.get_secret_value(),
    namespace=settings.redis_namespace,
    middleware=[
        AsyncIO(),  # first: the loop that everything below runs on
        Boot(settings),
        CurrentMessage(),
        TimeLimit(time_limit=int(ALARM_SECONDS * 1000)),
        # Without this middleware an actor's exception would be acknowledged as if all were well.
        Retries(max_retries=0),
        Metrics(host=settings.metrics_host, port=settings.metrics_port),
        Heartbeat(
            lambda: own_sessions(settings, "sluice-worker-heartbeat"),
            busy=lambda: resources.current().reception.under_way,
        ),
    ],
)
dramatiq.set_broker(broker)
declare(broker)
