"""Order, restarts and endings, with small real programs in place of servers."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.leftovers import MARKER, end_leftovers
from stack.part import Part
from stack.processes import Identity, Service
from stack.state import PartState, Phase, StackState
from stack.supervisor import Supervisor

SOON_SECONDS = 20.0


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "a b")
    layout.create()
    return layout


def program(layout: Layout, name: str, script: str = "exec sleep 600", needs: str = "") -> Part:
    """It notes its start in a file that all programs share."""
    order = layout.root / "order"
    return Part(
        name=name,
        command=("sh", "-c", f"echo start {name} >> '{order}'; {script}"),
        environment={**os.environ, MARKER: str(layout.root)},
        needs=(needs,) if needs else (),
        grace_seconds=5,
        ready=lambda: None if order.exists() and f"start {name}\n" in order.read_text() else "no",
    )


class Running:
    """A supervisor in a thread; its signals are replaced by the event that they would set."""

    def __init__(self, layout: Layout, *parts: Part) -> None:
        self.layout = layout
        self.supervisor = Supervisor(
            parts, layout, identity=Identity.of(os.getpid()), fingerprint="f"
        )
        self.exit_code: int | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        self.exit_code = self.supervisor.keep_running()

    def state(self) -> StackState:
        return StackState.read(self.layout.state)

    def pid(self, part: str) -> int:
        identity = self.state().parts[part].identity
        assert identity is not None
        return identity.pid

    def until(self, condition: Callable[[StackState], bool]) -> StackState:
        deadline = time.monotonic() + SOON_SECONDS
        while not condition(state := self.state()):
            assert time.monotonic() < deadline, state
            time.sleep(0.02)
        return state

    def stop(self) -> None:
        self.supervisor.stop()
        self.thread.join(SOON_SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def start(layout: Layout) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(*parts: Part) -> Running:
        started.append(Running(layout, *parts))
        return started[-1]

    yield begin
    for running in started:
        running.stop()


def test_a_part_starts_when_what_it_needs_is_ready_and_stops_before_it(
    layout: Layout, start: Callable[..., Running]
) -> None:
    noted = f"trap 'echo stop $0 >> \"{layout.root}/order\"; exit' TERM; sleep 600 & wait"
    first = program(layout, "first", noted.replace("$0", "first"))
    second = program(layout, "second", noted.replace("$0", "second"), needs="first")
    running = start(second, first)
    running.until(lambda state: state.phase is Phase.RUNNING)

    running.stop()

    order = (layout.root / "order").read_text().splitlines()
    assert order == ["start first", "start second", "stop second", "stop first"]
    assert running.exit_code == 0


def test_a_part_that_dies_is_started_again_with_the_reason_noted(
    layout: Layout, start: Callable[..., Running]
) -> None:
    running = start(program(layout, "mortal"))
    running.until(lambda state: state.phase is Phase.RUNNING)

    os.kill(running.pid("mortal"), signal.SIGKILL)

    state = running.until(lambda state: state.parts["mortal"].restarts == 1 and state.settled)
    assert state.parts["mortal"].detail == "was killed by SIGKILL"


def test_a_part_that_cannot_start_stops_the_stack_with_its_name_and_log(
    layout: Layout, start: Callable[..., Running]
) -> None:
    broken = Part(name="broken", command=("sh", "-c", "exit 3"), environment={}, ready=lambda: "no")

    running = start(program(layout, "sound"), broken)
    running.thread.join(SOON_SECONDS)

    state = running.state()
    assert running.exit_code == 1
    assert state.phase is Phase.FAILED
    assert state.problem == f"broken ended with code 3; see {layout.log('broken')}"
    assert {record.state for record in state.parts.values()} == {PartState.STOPPED}


def test_a_step_is_ready_when_it_has_ended_well(
    layout: Layout, start: Callable[..., Running]
) -> None:
    step = Part(name="step", command=("true",), environment=dict(os.environ), once=True)

    running = start(program(layout, "after", needs="step"), step)

    state = running.until(lambda state: state.phase is Phase.RUNNING)
    assert state.parts["step"].state is PartState.DONE


def test_children_of_a_killed_part_do_not_outlive_the_next_start(layout: Layout) -> None:
    child = layout.root / "child"
    part = program(layout, "parent", f"setsid sleep 600 & echo $! > '{child}'; wait")
    service = Service(part, layout.log("parent"))
    service.start()
    deadline = time.monotonic() + SOON_SECONDS
    while not (child.exists() and child.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.02)
    stray = Identity.of(int(child.read_text()))
    service.kill()

    end_leftovers(layout, StackState())

    assert stray.process() is None
