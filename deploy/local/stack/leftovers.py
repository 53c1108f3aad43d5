"""Ending what an earlier run left behind: after kill -9 of the supervisor, or of everything.

A process is ended only when it is proved to be ours: by number and start time as noted, by the
process group of one that was, or by a marker in its environment.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

import psutil

from .layout import Layout
from .postgres import running_server
from .processes import end_group
from .state import StackState

MARKER = "SLUICE_STACK_ROOT"  # in the environment of every part and of all its children
GRACE_SECONDS = 10.0


def end_leftovers(layout: Layout, state: StackState) -> list[str]:
    """The names of the parts that still ran."""
    ended = []
    for name, record in reversed(state.parts.items()):
        if record.identity is None:
            continue
        process = record.identity.process()
        if process is not None:
            ended.append(name)
            _end(process, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        if process is not None or not psutil.pid_exists(record.identity.pid):
            end_group(record.identity.pid)
    server = running_server(layout.data / "postgres")
    if server is not None:
        ended.append("postgres")
        _end(server, signal.SIGINT)
    _kill_all(_marked(layout))
    return ended


def _end(process: psutil.Process, stop_signal: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)
        try:
            process.wait(GRACE_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(GRACE_SECONDS)


def _marked(layout: Layout) -> Iterable[psutil.Process]:
    """Children that outlived their part; not this program, which may carry the marker itself."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARKER) == str(layout.root):
                yield process


def _kill_all(processes: Iterable[psutil.Process]) -> None:
    found = list(processes)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=GRACE_SECONDS)
