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
    ["socket.socket()", "socket.socket(socket.AF_INET6)", "os.execv('/bin/true', ['true'])"],
)
def test_a_confined_process_opens_no_socket_and_starts_no_program(attempt: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CONFINED.format(attempt=attempt)],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": LIBRARY},
    )

    assert (done.stdout, done.stderr) == ("refused\n", "")
