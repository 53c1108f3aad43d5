"""Running one part as a process group of its own, and ending it for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .errors import PartFailed, PortTaken
from .layout import REPOSITORY, set_aside_large_log
from .part import Part
from .ports import becomes_free

POLL_SECONDS = 0.05
PRIVATE_UMASK = 0o077  # what a part writes is for the user who started it
GROUP_GONE_SECONDS = 30.0  # after SIGKILL only the kernel is left to wait for
CLOCK_TOLERANCE_SECONDS = 0.05  # psutil derives start times from ticks of 10 ms


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """Raises psutil.NoSuchProcess when there is none."""
        return cls(pid, psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """None when it has ended, a zombie included."""
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) > CLOCK_TOLERANCE_SECONDS:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None

    def replaced(self) -> bool:
        """Another program has got the number since."""
        try:
            started: float = psutil.Process(self.pid).create_time()
        except psutil.NoSuchProcess:
            return False
        return abs(started - self.started) > CLOCK_TOLERANCE_SECONDS


class Service:
    """One part as a process; it may be started again after it ended. For one thread at a time."""

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.log = log
        self._popen: subprocess.Popen[bytes] | None = None
        self.identity: Identity | None = None

    @property
    def pid(self) -> int:
        if self._popen is None:
            raise RuntimeError(f"{self.part.name} was never started")
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._popen is None else self._popen.poll()

    def start(self) -> None:
        """Raises PortTaken when another program listens where this part would.

        Some servers (gRPC among them) bind a taken port without an error: ask beforehand.
        """
        for port in self.part.ports:
            if not becomes_free(port):
                raise PortTaken(taken_port_message(self.part, port, self.log))
        self.part.prepare()
        set_aside_large_log(self.log)
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                self.part.command,
                env=dict(self.part.environment),
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=PRIVATE_UMASK,
            )
        try:
            self.identity = Identity.of(self._popen.pid)
        except psutil.NoSuchProcess:  # it ended and the system forgot it; poll() knows the rest
            self.identity = Identity(self._popen.pid, 0.0)

    def wait_ready(
        self, seconds: float | None = None, *, cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        """Raises PartFailed when the part ends first, or is not ready within its (or this) time.

        Returns early when it is no longer wanted.
        """
        limit = self.part.ready_seconds if seconds is None else seconds
        deadline = time.monotonic() + limit
        reason: str | None = "it did not end" if self.part.once else "not asked yet"
        while time.monotonic() < deadline and not cancelled():
            code = self.exit_code
            if code == 0 and self.part.once:
                return
            if code is not None:
                raise PartFailed(f"{self.part.name} {ending(code)}; see {self.log}")
            if not self.part.once:
                reason = self.part.ready()
                if reason is None:
                    return
            time.sleep(POLL_SECONDS)
        if cancelled():
            return
        raise PartFailed(
            f"{self.part.name} was not ready after {limit:.0f} s: {reason}; see {self.log}"
        )

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired when it runs on."""
        if self._popen is None:
            raise RuntimeError(f"{self.part.name} was never started")
        return self._popen.wait(seconds)

    def terminate(self, grace_seconds: float | None = None) -> None:
        """Ask it to end; after the grace, end it and all its children."""
        if self._popen is None:
            return
        if self.running:
            self._popen.send_signal(self.part.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(
                    self.part.grace_seconds if grace_seconds is None else grace_seconds
                )
        self.kill()

    def kill(self) -> None:
        """SIGKILL to the program and all its children, as when the machine loses them."""
        if self._popen is None:
            return
        end_group(self._popen.pid)
        with suppress(subprocess.TimeoutExpired):  # it cannot do anything any more
            self._popen.wait(GROUP_GONE_SECONDS)

    def freeze(self) -> None:
        """Stop it in its tracks: connections stay open, answers do not come."""
        os.killpg(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)


def ending(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def end_group(group: int) -> None:
    """SIGKILL a process group; harmless when it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def taken_port_message(part: Part, port: int, log: Path) -> str:
    return (
        f"{part.name}: port {port} is taken{_by_whom(port)}; end that program, or choose other "
        f"ports with SLUICE_LOCAL_PORT_BASE (log: {log})"
    )


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                pid = connection.pid
                return f" by {psutil.Process(pid).name()} (pid {pid})" if pid else ""
    except psutil.Error:  # another user's programs are not ours to see
        pass
    return ""
