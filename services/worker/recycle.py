"""Restarts the worker after many jobs or much memory, losing none.

Leaks live in parsers, and those are children that are replaced often; this is for what remains.
SIGHUP makes Dramatiq's master stop its workers in good order and start over in place. Leaving by
oneself would not do: the master stops for good, and supervisors back off from what exits.
"""

import multiprocessing
import os
import signal

import psutil
import structlog

log = structlog.get_logger(__name__)


class Recycle:
    """Counts the attempts of a process. Reading its memory takes some microseconds, so it is done
    after each of them."""

    def __init__(self, *, jobs: int, memory_bytes: int) -> None:
        """0 switches a limit off."""
        self._jobs = jobs
        self._memory_bytes = memory_bytes
        self._done = 0
        self._process = psutil.Process()

    def is_due(self) -> bool:
        """Note that an attempt has ended; whether it was the last that this process should make."""
        self._done += 1
        if self._jobs and self._done >= self._jobs:
            return True
        return bool(self._memory_bytes) and self._process.memory_info().rss >= self._memory_bytes

    def restart(self) -> None:
        master = multiprocessing.parent_process()  # not getppid: that may be a fork server
        if master is None or master.pid is None:
            return
        log.info("worker.recycling", jobs=self._done)
        if master.is_alive():
            os.kill(master.pid, signal.SIGHUP)
        else:  # it was killed, and nobody starts this one over
            os.kill(os.getpid(), signal.SIGTERM)
