"""Ending what an earlier run left behind: after kill -9 of the supervisor, or of everything.

A process is ended only when it is proved to be ours: by number and start time as noted, by the
process group of one that was, or by a marker in its environment.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

from .layout import Layout
from .postgres import running_server
from .processes import POLL_SECONDS, Identity, end_group
from .state import StackState

MARKER = "SLUICE_STACK_ROOT"  # in the environment of every part and of all its children
GRACE_SECONDS = 10.0


def end_leftovers(layout: Layout, state: StackState) -> list[str]:
    """The names of the parts that still ran."""
    ended = []
    for name, record in reversed(state.parts.items()):
        if record.identity is None:
            continue
        if record.identity.process() is not None:
            ended.append(name)
            _end(record.identity, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        if not record.identity.replaced():
            end_group(record.identity.pid)
    server = running_server(layout.data / "postgres")
    if server is not None:
        ended.append("postgres")
        _end(server, signal.SIGINT)
    for stray in list(_marked(layout)):
        _end(stray, signal.SIGKILL)
    return ended


def _end(identity: Identity, stop_signal: signal.Signals) -> None:
    for each in (stop_signal, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_SECONDS
        with suppress(psutil.NoSuchProcess):
            if process := identity.process():
                process.send_signal(each)
        # Not psutil's wait: an ended program whose new parent never collects it is gone enough.
        while identity.process() is not None and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)


def _marked(layout: Layout) -> Iterator[Identity]:
    """Children that outlived their part; not this program, which may carry the marker itself."""
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in spared:
            continue
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARKER) == str(layout.root):
                yield Identity.of(process.pid)
