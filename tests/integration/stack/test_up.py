"""The whole stack of servers by the command line, in a folder with a blank, on ports of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from stack.layout import REPOSITORY, Layout
from stack.ports import LOOPBACK, Ports, variable
from stack.state import Phase, StackState
from support.programs import bare_path

UP = ("up", "--backends-only")
COMMAND_SECONDS = 120


class Stack:
    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.ports = Ports.free()
        self.environment: Mapping[str, str] = {
            **os.environ,
            "PATH": bare_path(root.with_name("bin")),
            "SLUICE_LOCAL_DIR": str(root),
            "SLUICE_EMBEDDINGS_MODE": "synthetic",
            **{variable(each.name): str(getattr(self.ports, each.name)) for each in fields(Ports)},
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stack", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def state(self) -> StackState:
        return StackState.read(self.layout.state)

    def pids(self) -> dict[str, int]:
        parts = self.state().parts.items()
        return {name: record.identity.pid for name, record in parts if record.identity}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "a stack")
    yield stack
    stack.run("clean")


def test_up_twice_is_one_stack_and_down_ends_it_but_keeps_the_data(stack: Stack) -> None:
    first = stack.run(*UP)
    running = stack.pids()
    addresses = stack.layout.env.read_text()
    stack.layout.env.unlink()

    second = stack.run(*UP)
    status = stack.run("status")
    unharmed = stack.pids()
    down = stack.run("down")

    assert first.returncode == 0, first.stderr
    assert second.returncode == 0, second.stderr
    assert unharmed == running
    assert stack.layout.env.read_text() == addresses
    assert status.returncode == 0
    assert down.returncode == 0
    assert stack.run("status").stdout == "nothing runs\n"
    assert (stack.layout.data / "postgres" / "PG_VERSION").exists()


def test_up_recovers_from_kill_9_of_the_supervisor_and_of_some_parts(stack: Stack) -> None:
    stack.run(*UP)
    before = stack.state()
    pids = stack.pids()
    assert before.supervisor is not None
    os.kill(before.supervisor.pid, signal.SIGKILL)
    os.kill(pids["postgres"], signal.SIGKILL)
    os.kill(pids["milvus"], signal.SIGKILL)

    again = stack.run(*UP)

    assert again.returncode == 0, again.stderr
    assert "ended what an earlier run left" in again.stdout
    assert stack.state().phase is Phase.RUNNING
    assert not set(pids.values()) & set(stack.pids().values())


def test_a_taken_port_is_one_line_that_names_the_part_and_its_log(stack: Stack) -> None:
    with socket.create_server((LOOPBACK, stack.ports.milvus)):
        result = stack.run(*UP)

    assert result.returncode == 1
    assert result.stderr.startswith(f"sluice: milvus: port {stack.ports.milvus} is taken")
    assert str(stack.layout.log("milvus")) in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_clean_leaves_nothing(stack: Stack) -> None:
    stack.layout.create()

    result = stack.run("clean")

    assert result.returncode == 0
    assert not stack.layout.root.exists()
