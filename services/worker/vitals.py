"""What a worker process and its parser children take of the machine."""

import time
from dataclasses import dataclass, field

import psutil


@dataclass(slots=True)
class Meter:
    """Measures this process with all its children; `read` takes some milliseconds."""

    _process: psutil.Process = field(default_factory=psutil.Process)
    _spent: dict[int, float] = field(default_factory=dict)
    _read_at: float = field(default_factory=time.monotonic)

    def read(self) -> tuple[int, float]:
        """The memory in bytes, and the percentage of one core since the last reading.

        Memory that parents and children share counts once for each of them.
        """
        memory, spent = 0, {}
        for process in [self._process, *self._children()]:
            try:
                with process.oneshot():
                    memory += process.memory_info().rss
                    times = process.cpu_times()
            except psutil.Error:  # it has just ended
                continue
            spent[process.pid] = times.user + times.system
        now = time.monotonic()
        used = sum(max(seconds - self._spent.get(pid, 0.0), 0.0) for pid, seconds in spent.items())
        percent = 100 * used / max(now - self._read_at, 0.001)
        if not self._spent:
            percent = 0.0  # all that was spent at the start
        self._spent, self._read_at = spent, now
        return memory, round(percent, 1)

    def age_seconds(self) -> float:
        born: float = self._process.create_time()
        return max(time.time() - born, 0.0)

    def _children(self) -> list[psutil.Process]:
        try:
            children: list[psutil.Process] = self._process.children(recursive=True)
        except psutil.Error:
            return []
        return children
