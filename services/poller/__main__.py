"""The poller process: `python -m poller`. Any number may run side by side.

Intake, announcer, upkeep, sampler and audit run beside each other until SIGTERM; a pull in flight
is then finished and acknowledged.
"""

import argparse
import asyncio
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

import httpx
import structlog
from prometheus_client import start_http_server
from sqlalchemy import make_url

from db.engine import create_engine, session_factory
from db.repositories.audit_runs import AUDITS_CHANNEL
from db.repositories.bell import JOBS_CHANNEL, UPLOADS_CHANNEL
from pipeline.broker import Doorbell, create_broker
from pipeline.logs import configure_logs
from pipeline.settings import read_settings
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.announcer import Announcer
from poller.audit import Audit
from poller.auditing.runs import AuditRuns
from poller.cloudflare import (
    CloudflareQueue,
    QueueError,
    QueueMisconfigured,
    create_client,
    find_queue,
)
from poller.intake import Intake, Source
from poller.listener import Listener
from poller.sampler import Sampler
from poller.settings import PollerSettings
from poller.upkeep import Upkeep

log = structlog.get_logger(__name__)

LOOK_UP_AGAIN_SECONDS = 10.0
# A part that ends although nobody asked it to ends the process: its supervisor starts it anew.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


async def main(settings: PollerSettings) -> None:
    stop = asyncio.Event()
    for number in STOP_SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        engine = create_engine(
            settings.database_url.get_secret_value(),
            pool_size=settings.database_pool,
            application_name="sluice-poller",
            prepared_statements=settings.database_prepared_statements,
        )
        stack.push_async_callback(engine.dispose)
        sessions = session_factory(engine)
        broker = create_broker(
            settings.redis_url.get_secret_value(),
            namespace=settings.redis_namespace,
            middleware=[],
        )
        stack.callback(broker.close)
        objects = await stack.enter_async_context(ObjectStore.open(settings))
        vectors = await stack.enter_async_context(VectorStore.open(settings))
        client = await stack.enter_async_context(
            create_client(
                api_url=settings.cf_api_url, token=settings.cf_api_token.get_secret_value()
            )
        )
        listener = Listener(_listen_url(settings))
        announcer = Announcer(
            sessions,
            Doorbell(broker),
            window=settings.announce_window,
            again=settings.announce_again,
            lapses_max=settings.lapses_max,
            news=listener.channel(JOBS_CHANNEL),
            hears=listener.hears,
        )
        audit = Audit(
            sessions,
            objects,
            vectors,
            every=settings.audit_every,
            grace=settings.audit_grace,
            large_bytes=settings.large_bytes,
        )
        audit_runs = AuditRuns(
            sessions,
            objects,
            vectors,
            large_bytes=settings.large_bytes,
            news=listener.channel(AUDITS_CHANNEL),
            hears=listener.hears,
        )

        async def intake(name: str, *, hints: asyncio.Event | None, required: bool) -> None:
            queue = await _open_queue(client, settings, name, required=required, stop=stop)
            if queue is not None:
                source = Source(name, queue, settings.r2_bucket)
                await Intake(
                    source,
                    sessions,
                    visibility=settings.visibility,
                    idle=settings.idle_poll,
                    large_bytes=settings.large_bytes,
                    hints=hints,
                    hears=listener.hears,
                ).run(stop)

        name = settings.cf_queue_name or str(settings.cf_queue_id)
        dead_letters = settings.cf_dead_letter_queue or f"{name}-dlq"
        parts: list[Coroutine[Any, Any, None]] = [
            intake(name, hints=listener.channel(UPLOADS_CHANNEL), required=True),
            intake(dead_letters, hints=None, required=False),
            announcer.run(stop),
            listener.run(stop),
            Upkeep(sessions, objects, vectors).run(stop),
            Sampler(sessions).run(stop),
            audit.run(stop),
            audit_runs.run(stop),
        ]
        _serve_metrics(settings)
        log.info("poller.started", queue=name, bucket=settings.r2_bucket)
        async with asyncio.TaskGroup() as tasks:
            for part in parts:
                tasks.create_task(part)
    log.info("poller.stopped")


async def _open_queue(
    client: httpx.AsyncClient,
    settings: PollerSettings,
    name: str,
    *,
    required: bool,
    stop: asyncio.Event,
) -> CloudflareQueue | None:
    """The queue of that name; None if it does not exist and need not, or on stop."""
    account = settings.cf_account_id
    if required and settings.cf_queue_id:
        return CloudflareQueue(client, account_id=account, queue_id=settings.cf_queue_id)
    while not stop.is_set():
        try:
            queue_id = await find_queue(client, account_id=account, name=name)
        except QueueMisconfigured as error:
            log.error("queue.misconfigured", queue=name, error=str(error))
        except QueueError as error:
            log.warning("queue.lookup_failed", queue=name, error=str(error))
        else:
            if queue_id is not None:
                return CloudflareQueue(client, account_id=account, queue_id=queue_id)
            if not required:
                log.warning(
                    "queue.no_dead_letters",
                    queue=name,
                    hint="without a dead-letter queue Cloudflare deletes what it fails to deliver",
                )
                return None
            log.error("queue.not_found", queue=name)
        try:
            await asyncio.wait_for(stop.wait(), LOOK_UP_AGAIN_SECONDS)
        except TimeoutError:
            continue
    return None


def _serve_metrics(settings: PollerSettings) -> None:
    try:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    except OSError as error:  # a second poller on one host works all the same
        log.warning("metrics.port_taken", port=settings.metrics_port, error=type(error).__name__)


def _listen_url(settings: PollerSettings) -> str | None:
    if not settings.listen:
        return None
    url = make_url(settings.database_url.get_secret_value().replace("postgres://", "postgresql://"))
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def run() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m poller",
        description="Takes events from the queue, announces jobs, audits. "
        "Settings come from the environment; the README lists them.",
    )
    parser.parse_args()
    settings = read_settings(PollerSettings)
    if not (settings.cf_queue_name or settings.cf_queue_id):
        raise SystemExit("Cannot start: set CF_QUEUE_NAME or CF_QUEUE_ID.")
    configure_logs(level=settings.log_level, json=settings.log_json, service="poller")
    asyncio.run(main(settings))


if __name__ == "__main__":
    run()
