"""`python -m api`: serves until SIGTERM or SIGINT, then finishes the requests in flight."""

import socket
import sys
from contextlib import suppress

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from api.app import create_app
from api.settings import ApiSettings
from pipeline.logs import configure_logs
from pipeline.settings import read_settings

KEEP_ALIVE_SECONDS = 75  # longer than the idle time of common load balancers
BACKLOG = 2048
SOCKET_MESSAGE_BYTES_MAX = 4_096  # clients have nothing to say
SOCKET_PING_SECONDS = 20.0
# After which the kernel drops a connection whose other side takes nothing. The server itself waits
# for what it has written to leave, also when it closes: without end, if the client just stops.
UNTAKEN_MILLISECONDS = 60_000


def main() -> None:
    settings = read_settings(ApiSettings)
    configure_logs(level=settings.log_level, json=settings.log_json, service="api")
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # the envelope logs requests, without paths that hold names
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips or None,
        limit_concurrency=settings.connections_max,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=round(settings.shutdown_grace.total_seconds()),
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=SOCKET_MESSAGE_BYTES_MAX,
        ws_ping_interval=SOCKET_PING_SECONDS,
        ws_ping_timeout=SOCKET_PING_SECONDS,
        ws_per_message_deflate=False,  # small messages, and memory for every connection
    )
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # connections have what the listening socket has
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_MILLISECONDS)
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    if not server.started:
        sys.exit(STARTUP_FAILURE)


if __name__ == "__main__":
    main()
