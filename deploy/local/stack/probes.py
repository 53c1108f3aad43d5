"""Asking a part whether it is ready. A probe answers None for yes, or the reason why not."""

import asyncio
import http.client
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg

from .ports import LOOPBACK

Probe = Callable[[], str | None]

PROBE_SECONDS = 2.0  # a part on the same machine that takes longer is not ready
HTTP_OK = range(200, 300)


def answers_http(port: int, path: str, *, any_status: bool = False) -> Probe:
    """Ready at a 2xx; with `any_status`, at any answer (a server that refuses strangers is up)."""

    def probe() -> str | None:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_SECONDS)
        try:
            connection.request("GET", path)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"no answer on port {port} ({error})"
        finally:
            connection.close()
        return None if any_status or status in HTTP_OK else f"{path} answers {status}"

    return probe


def answers_postgres(url: str) -> Probe:
    async def select() -> None:
        connection = await asyncpg.connect(url, timeout=PROBE_SECONDS, ssl=False)
        await connection.close()

    def probe() -> str | None:
        try:
            # In a thread of its own: the caller may be inside an event loop (tests are).
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, select()).result()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return f"no connection ({error})"
        return None

    return probe


def answers_redis(port: int, password: str) -> Probe:
    """Not the port alone: a server that still loads its file accepts, and answers an error."""

    def probe() -> str | None:
        try:
            with socket.create_connection((LOOPBACK, port), PROBE_SECONDS) as connection:
                connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (received := connection.recv(4096)):
                    answer += received
        except OSError as error:
            return f"no answer on port {port} ({error})"
        return None if answer == b"+OK\r\n+PONG\r\n" else answer.decode(errors="replace").strip()

    return probe


def accepts_http2(port: int) -> Probe:
    """Ready when a gRPC server sends its first frame; an open port may have nobody behind it."""
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

    def probe() -> str | None:
        try:
            with socket.create_connection((LOOPBACK, port), PROBE_SECONDS) as connection:
                connection.sendall(greeting)
                return None if connection.recv(9) else "closes the connection"
        except OSError as error:
            return f"no answer on port {port} ({error})"

    return probe


def all_of(*probes: Probe) -> Probe:
    def probe() -> str | None:
        return next((reason for each in probes if (reason := each()) is not None), None)

    return probe
