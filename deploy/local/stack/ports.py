"""The ports of the stack: chosen from a base for `make up`, free ones for tests."""

import random
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields

from .errors import StackError

LOOPBACK = "127.0.0.1"
DEFAULT_BASE = 8800
# Below the range from which Linux draws ports for outgoing connections (32768 and up), so that a
# port found free stays free until its server binds it.
TEST_RANGE = (20_000, 32_000)
WORKERS_MAX = 64  # each has a metrics port of its own, counted up from the first
PORT_MAX = 65_535

LET_GO_SECONDS = 1.0


@dataclass(frozen=True)
class Ports:
    api: int
    queues: int
    r2: int
    embeddings: int
    objects: int
    postgres: int
    valkey: int
    milvus: int
    poller_metrics: int
    worker_metrics: int  # of the first worker; the others count up from it

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """Count up from SLUICE_LOCAL_PORT_BASE; SLUICE_LOCAL_PORT_API and so on set one."""
        base = _port(environment, "SLUICE_LOCAL_PORT_BASE", DEFAULT_BASE)
        chosen = {
            field.name: _port(environment, variable(field.name), base + offset)
            for offset, field in enumerate(fields(cls))
        }
        return cls(**chosen)

    @classmethod
    def free(cls) -> "Ports":
        names = [field.name for field in fields(cls)]
        return cls(**dict(zip(names, free_ports(len(names)), strict=True)))


def variable(name: str) -> str:
    """The environment variable that sets the port of this name."""
    return f"SLUICE_LOCAL_PORT_{name.upper()}"


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal() or not 0 < int(text) <= PORT_MAX:
        raise StackError(f"{name} must be a port number from 1 to {PORT_MAX}, not {text!r}")
    return int(text)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier run in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def becomes_free(port: int) -> bool:
    """Whether a port is free now or within a second: a killed program lets go of it a bit later."""
    deadline = time.monotonic() + LET_GO_SECONDS
    while not is_free(port):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
    return True


def free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(*TEST_RANGE)  # noqa: S311 - spreads sessions apart, guards nothing
        if port not in found and is_free(port):
            found.add(port)
    return sorted(found)
