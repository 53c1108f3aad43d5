"""The process that every parser child is a copy of: it has the parsers loaded and nothing else.

`python -m pipeline.parse.template CONTROL_FD`. Loading takes seconds, a copy milliseconds. It is
started afresh, not forked from the worker, so no thread, lock or secret of the worker's is in it.
On the control socket it takes lines of JSON, `{"start": serial, "folder": ...}` with the child's
socket attached, or `{"kill": serial}`, and reports `{"ready": true}`, `{"started": serial, "pid":
...}` and `{"ended": serial, ...}`. When the control socket closes, it kills its children and ends;
when it is killed itself, the kernel kills them.
"""

import gc
import os
import select
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import orjson

from pipeline.parse import confine
from pipeline.parse.child import serve

FDS_MAX = 8
MESSAGE_BYTES = 64 * 1024


class Template:
    """One thread, one loop: messages and ended children."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._serials: dict[int, int] = {}  # by process id
        self._received = b""
        self._sockets: list[int] = []
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def run(self) -> None:
        """Until the control socket closes."""
        signal.signal(signal.SIGCHLD, _woken)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._report({"ready": True})
        control = self._control.fileno()
        while True:
            readable, _, _ = select.select([control, self._wake_read], [], [])
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            self._report_ended()
            if control in readable and not self._take_messages():
                break
        for pid in self._serials:
            os.kill(pid, signal.SIGKILL)

    def _take_messages(self) -> bool:
        data, sockets, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, FDS_MAX)
        if not data:
            return False
        self._sockets += sockets
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            message = orjson.loads(line)
            if "start" in message:
                self._start(message["start"], Path(message["folder"]), self._sockets.pop(0))
            else:
                self._kill(message["kill"])
        return True

    def _start(self, serial: int, folder: Path, descriptor: int) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._become_child(parent, folder, descriptor)
        os.close(descriptor)
        self._serials[pid] = serial
        self._report({"started": serial, "pid": pid})

    def _become_child(self, parent: int, folder: Path, descriptor: int) -> NoReturn:
        code = 1
        try:
            confine.die_with_parent(parent)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for inherited in (self._wake_read, self._wake_write, *self._sockets):
                os.close(inherited)
            self._control.close()
            serve(socket.socket(fileno=descriptor), folder)
            code = 0
        finally:
            os._exit(code)

    def _kill(self, serial: int) -> None:
        # Only this process reaps them, so the id of a child in the table is still that child's.
        for pid, known in self._serials.items():
            if known == serial:
                os.kill(pid, signal.SIGKILL)

    def _report_ended(self) -> None:
        while self._serials:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            self._report(
                {
                    "ended": self._serials.pop(pid),
                    "exit_code": os.waitstatus_to_exitcode(status),
                    "memory_peak": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
                }
            )

    def _report(self, message: dict[str, Any]) -> None:
        self._control.sendall(orjson.dumps(message) + b"\n")


def _woken(_number: int, _frame: FrameType | None) -> None:
    """SIGCHLD only has to end the `select`; the wake-up descriptor does."""


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the worker's to handle
    gc.collect()
    gc.freeze()  # so that a collection in a child copies no page of the template
    Template(control).run()


if __name__ == "__main__":
    main()
