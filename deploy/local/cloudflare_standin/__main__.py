"""Start the Cloudflare stand-in: the Queues API and R2's S3 API, each on a port of its own.

Environment:
  SLUICE_STANDIN_DATA_DIR              folder for the queue (SQLite) and large bodies; required
  SLUICE_STANDIN_S3_UPSTREAM           URL of the S3 server behind R2, such as
                                       http://127.0.0.1:9001; required
  CF_ACCOUNT_ID, CF_API_TOKEN          the account and the token that clients must show; required
  CF_QUEUE_NAME                        the queue for R2's events; NAME-dlq takes its dead
                                       letters; both are made when missing; required
  R2_BUCKET                            the bucket that notifies; others stay silent; required
  R2_ACCESS_KEY_ID                     credentials, for clients and towards the S3 server;
  R2_SECRET_ACCESS_KEY                 required
  SLUICE_STANDIN_HOST                  address to listen on (127.0.0.1)
  SLUICE_STANDIN_QUEUES_PORT           port of the Queues API, base path /client/v4 (8801)
  SLUICE_STANDIN_R2_PORT               port of R2's S3 API, path-style (8802)
  SLUICE_STANDIN_ALLOWED_ORIGINS       origins for CORS, separated by commas (none)
  SLUICE_STANDIN_MAX_RETRIES           retries before a message is a dead letter (10)
  SLUICE_STANDIN_RETRY_DELAY_SECONDS   delay of a retry that names none (0)
  SLUICE_STANDIN_VISIBILITY_TIMEOUT_MS lease of a pull that names none (30000)

Both ports answer GET /healthz. Test switches: /_standin/faults on the queues port (faults.py).
Buckets are folders of the S3 server; PUT /BUCKET makes one.
"""

import argparse
import asyncio
import signal
import sys
from contextlib import AsyncExitStack

import structlog
from aiohttp import web
from pydantic import ValidationError

from cloudflare_standin.cors import Cors
from cloudflare_standin.database import Database, DatabaseThread
from cloudflare_standin.events import Notifier
from cloudflare_standin.fault_routes import FaultRoutes
from cloudflare_standin.faults import FaultBoard
from cloudflare_standin.key_gate import KeyGate
from cloudflare_standin.message_routes import MessageRoutes
from cloudflare_standin.message_store import MessageStore
from cloudflare_standin.multipart import MultipartUploads
from cloudflare_standin.object_reads import ObjectReads
from cloudflare_standin.object_writes import ObjectWrites
from cloudflare_standin.queue_routes import QueueRoutes
from cloudflare_standin.queue_store import QueueStore
from cloudflare_standin.queues_app import create_queues_app
from cloudflare_standin.r2_app import R2App
from cloudflare_standin.records import ConsumerSettings
from cloudflare_standin.sender import Sender
from cloudflare_standin.settings import MAX_RETRIES_LIMIT, Settings
from cloudflare_standin.signatures import Credentials
from cloudflare_standin.upstream import Upstream

STOP_SECONDS = 10  # for requests in flight; then they are cut off
REQUEST_LINE_BYTES_MAX = 16 * 1024  # a key of 1024 bytes, percent-encoded, and a signature

log = structlog.get_logger()


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cloudflare_standin",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    _configure_logs()
    try:
        settings = Settings()
    except ValidationError as exc:
        for error in exc.errors(include_url=False, include_input=False):
            where = ".".join(str(part) for part in error["loc"])
            sys.stderr.write(f"cloudflare_standin: {where or 'settings'}: {error['msg']}\n")
        return 2
    try:
        asyncio.run(serve(settings))
    except OSError as exc:
        sys.stderr.write(f"cloudflare_standin: {exc}\n")
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT. Raise OSError if a port is taken."""
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)

    async with AsyncExitStack() as stack:
        database = Database(settings.data_dir / "queues.sqlite3")
        stack.callback(database.close)
        thread = DatabaseThread()
        stack.callback(thread.close)
        queues, messages, faults = QueueStore(database), MessageStore(database), FaultBoard()
        sender = Sender(thread, messages, faults)
        queue_id = await thread.run(_ensure_queues, queues, settings)

        queues_app = create_queues_app(
            account_id=settings.account_id,
            api_token=settings.api_token,
            queues=QueueRoutes(thread, queues, messages, producers={queue_id: settings.bucket}),
            messages=MessageRoutes(thread, messages, sender, faults),
            faults=FaultRoutes(sender, faults),
        )
        credentials = Credentials(settings.access_key_id, settings.secret_access_key)
        upstream = await stack.enter_async_context(Upstream(settings.s3_upstream, credentials))
        gate = KeyGate()
        notifier = Notifier(
            sender,
            faults,
            account_id=settings.account_id,
            bucket=settings.bucket,
            queue_id=queue_id,
        )
        r2_app = R2App(
            credentials=credentials,
            upstream=upstream,
            reads=ObjectReads(upstream, gate, faults),
            writes=ObjectWrites(upstream, gate, notifier, spool_folder=settings.data_dir),
            uploads=MultipartUploads(upstream, gate, notifier, spool_folder=settings.data_dir),
            cors=Cors(settings.allowed_origins),
            faults=faults,
        )
        r2_server = web.Server(r2_app.handle, max_line_size=REQUEST_LINE_BYTES_MAX)
        servers: list[tuple[web.BaseRunner, int]] = [
            (
                web.AppRunner(queues_app, access_log=None, shutdown_timeout=STOP_SECONDS),
                settings.queues_port,
            ),
            (web.ServerRunner(r2_server, shutdown_timeout=STOP_SECONDS), settings.r2_port),
        ]
        for runner, port in servers:
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, settings.host, port).start()
        log.info(
            "standin.started",
            host=settings.host,
            queues_port=settings.queues_port,
            r2_port=settings.r2_port,
        )
        await stopped.wait()
        log.info("standin.stopping")


def _ensure_queues(queues: QueueStore, settings: Settings) -> str:
    """The id of the queue that R2's events go to."""
    # The dead-letter queue has no dead letters of its own, so it gives up as late as it may.
    queues.ensure_queue(
        settings.dead_letter_queue_name,
        ConsumerSettings(
            max_retries=MAX_RETRIES_LIMIT, visibility_timeout_ms=settings.visibility_timeout_ms
        ),
    )
    queue = queues.ensure_queue(
        settings.queue_name,
        ConsumerSettings(
            dead_letter_queue=settings.dead_letter_queue_name,
            max_retries=settings.max_retries,
            retry_delay_seconds=settings.retry_delay_seconds,
            visibility_timeout_ms=settings.visibility_timeout_ms,
        ),
    )
    return queue.queue_id


def _configure_logs() -> None:
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
