"""The notes of a running stack: what the supervisor writes, and what `status` and `down` read."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from .errors import StackError
from .files import PRIVATE_FILE, write_private
from .part import Part
from .processes import Identity

LOCK_POLL_SECONDS = 0.1


class Phase(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


class PartState(StrEnum):
    WAITING = "waiting"  # for a part that it needs
    STARTING = "starting"
    READY = "ready"
    DONE = "done"  # a step that has ended well
    RESTARTING = "restarting"  # it ended, and is started again after a pause
    STOPPED = "stopped"


SETTLED = (PartState.READY, PartState.DONE)


@dataclass(frozen=True)
class PartRecord:
    state: PartState
    log: str
    port: int | None = None
    identity: Identity | None = None
    restarts: int = 0
    detail: str = ""  # why it is not ready, or why it was started again

    @classmethod
    def of(cls, part: Part, log: Path) -> "PartRecord":
        return cls(PartState.WAITING, str(log), part.ports[0] if part.ports else None)


@dataclass(frozen=True)
class StackState:
    phase: Phase = Phase.STOPPED
    fingerprint: str = ""
    problem: str = ""  # why the phase is `failed`
    supervisor: Identity | None = None
    parts: dict[str, PartRecord] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        return all(record.state in SETTLED for record in self.parts.values())

    @classmethod
    def read(cls, path: Path) -> Self:
        """An empty state when there is no file, or a damaged one."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                phase=Phase(raw["phase"]),
                fingerprint=raw["fingerprint"],
                problem=raw["problem"],
                supervisor=_identity(raw["supervisor"]),
                parts={name: _record(record) for name, record in raw["parts"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError):
            return cls()


def _identity(raw: dict[str, Any] | None) -> Identity | None:
    return None if raw is None else Identity(raw["pid"], raw["started"])


def _record(raw: dict[str, Any]) -> PartRecord:
    return PartRecord(
        **{**raw, "state": PartState(raw["state"]), "identity": _identity(raw["identity"])}
    )


class StateFile:
    """The supervisor's pen: every change is on disk before the call returns."""

    def __init__(self, path: Path, state: StackState) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.state = state
        self._write()

    def phase(self, phase: Phase, problem: str = "") -> None:
        with self._lock:
            self.state = replace(self.state, phase=phase, problem=problem or self.state.problem)
            self._write()

    def part(self, name: str, state: PartState, **changes: Any) -> None:
        with self._lock:
            record = replace(self.state.parts[name], state=state, **changes)
            self.state = replace(self.state, parts={**self.state.parts, name: record})
            self._write()

    def _write(self) -> None:
        write_private(self._path, json.dumps(asdict(self.state), indent=1) + "\n")


@contextmanager
def lock_held(path: Path, *, seconds: float, complaint: str) -> Iterator[None]:
    """Hold a lock that the system releases when its holder dies, however it dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    deadline = time.monotonic() + seconds
    try:
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline:
                raise StackError(complaint)
            time.sleep(LOCK_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
