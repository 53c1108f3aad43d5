"""What a confined process can no longer do, tried out in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

import pipeline

LIBRARY = str(Path(next(iter(pipeline.__path__))).parent)
CONFINED = """
import os, socket, sys
from pipeline.parse import confine
if not confine.refuse_network_and_programs():
    sys.exit("unconfined")
try:
    {attempt}
except PermissionError:
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is the Linux kernel's")
@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.socket(socket.AF_INET6)",
        "os.execv('/bin/true', ['true'])",
        "os.fork()",
    ],
)
def test_a_confined_process_opens_no_socket_and_starts_no_program_or_process(attempt: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED.format(attempt=attempt)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": LIBRARY},
    )

    assert (done.stdout, done.stderr) == ("refused\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is the Linux kernel's")
def test_what_a_process_takes_at_once_is_capped_and_threads_still_start() -> None:
    script = """
import threading
from pipeline.parse import confine
from pipeline.parse.limits import MIB, ParseLimits
confine.limit_process(ParseLimits(memory_bytes=100 * MIB))
confine.refuse_network_and_programs()
thread = threading.Thread(target=print, args=["a thread"])
thread.start()
thread.join()
bytearray(90 * MIB)
try:
    bytearray(400 * MIB)
except MemoryError:
    print("refused")
"""

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": LIBRARY},
    )

    assert (done.stdout, done.stderr) == ("a thread\nrefused\n", "")
