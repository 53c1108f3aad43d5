"""The product's own processes as parts: two steps, the poller, the workers and the API.

They are started as in production; the launcher imports none of their code.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from .part import Part
from .ports import Ports
from .probes import answers_http

BACKENDS = ("postgres", "valkey", "milvus", "objects", "cloudflare", "embeddings")
LOCAL_TENANT = "local"
# So many messages of each lane wait in a process for which it has no room; a job that is under way
# holds none (SLUICE_SMALL_FILES).
WORKER_PREFETCH = 4
# One more than those of ordinary and large files: it is free for whoever comes next.
WORKER_THREADS = 2 * WORKER_PREFETCH + 1
# How long an idle worker sleeps at most between two looks at the queue: it is part of every wait.
IDLE_POLL_MILLISECONDS = 200
WORKER_GRACE_SECONDS = 30.0  # a job in flight may finish; a longer one is released by its lease


def migrate(environment: Mapping[str, str]) -> Part:
    return Part(
        name="migrate",
        command=(sys.executable, "-m", "alembic", "upgrade", "head"),
        environment=environment,
        needs=("postgres",),
        once=True,
    )


def api_key(environment: Mapping[str, str]) -> Part:
    """Makes the key of the env file exist; who runs a local stack may see all of it."""
    return Part(
        name="api-key",
        command=(
            sys.executable, "-m", "api.keys", "ensure",
            "--tenant", LOCAL_TENANT,
            "--key-env", "SLUICE_API_KEY",
            "--role", "operator",
        ),
        environment=environment,
        needs=("migrate",),
        once=True,
    )  # fmt: skip


def poller(environment: Mapping[str, str], *, metrics_port: int) -> Part:
    return Part(
        name="poller",
        command=(sys.executable, "-m", "poller"),
        environment={**environment, "SLUICE_POLLER_METRICS_PORT": str(metrics_port)},
        ready=answers_http(metrics_port, "/metrics"),
        ports=(metrics_port,),
        needs=("migrate", *BACKENDS),
        grace_seconds=20.0,  # a pull in flight is finished
    )


def worker(
    environment: Mapping[str, str],
    *,
    number: int,
    metrics_port: int,
) -> Part:
    return Part(
        name=f"worker-{number}",
        command=(
            # The script, not `python -m dramatiq`: told to start over, that one looks for `python`
            # on the PATH and may find another than this.
            str(Path(sys.executable).with_name("dramatiq")), "worker.main",
            "--processes", "1",
            "--threads", str(WORKER_THREADS),
        ),
        environment={
            **environment,
            "SLUICE_WORKER_METRICS_PORT": str(metrics_port),
            "dramatiq_queue_prefetch": str(WORKER_PREFETCH),
            "dramatiq_worker_timeout": str(IDLE_POLL_MILLISECONDS),
        },
        ready=answers_http(metrics_port, "/metrics"),
        ports=(metrics_port,),
        needs=("migrate", *BACKENDS),
        grace_seconds=WORKER_GRACE_SECONDS,
    )  # fmt: skip


def api(environment: Mapping[str, str], *, port: int) -> Part:
    return Part(
        name="api",
        command=(sys.executable, "-m", "api"),
        environment=environment,
        ready=answers_http(port, "/health/ready"),
        ports=(port,),
        needs=("migrate", *BACKENDS),
    )


def all_services(environment: Mapping[str, str], ports: Ports, *, workers: int) -> list[Part]:
    return [
        migrate(environment),
        api_key(environment),
        poller(environment, metrics_port=ports.poller_metrics),
        *(
            worker(environment, number=number, metrics_port=ports.worker_metrics + number - 1)
            for number in range(1, workers + 1)
        ),
        api(environment, port=ports.api),
    ]
