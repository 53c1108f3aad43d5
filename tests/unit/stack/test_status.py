"""What `status` prints of the supervisor's notes."""

import os
from pathlib import Path

import pytest

from stack.layout import Layout
from stack.processes import Identity
from stack.state import PartRecord, PartState, Phase, StackState, StateFile, lock_held
from stack.status import print_status


@pytest.mark.parametrize(
    ("restarts", "shown"), [(0, "ready "), (1, "ready (1 restart) "), (2, "ready (2 restarts) ")]
)
def test_restarts_are_counted_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], restarts: int, shown: str
) -> None:
    layout = Layout(tmp_path)
    layout.create()
    me = Identity.of(os.getpid())
    record = PartRecord(PartState.READY, log="a.log", identity=me, restarts=restarts)

    with lock_held(layout.supervisor_lock, seconds=0, complaint="taken"):
        StateFile(layout.state, StackState(Phase.RUNNING, "print", "", me, {"valkey": record}))
        code = print_status(layout)

    assert code == 0
    assert f"valkey  {shown}" in capsys.readouterr().out


def test_where_nothing_runs_one_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert print_status(Layout(tmp_path)) == 1
    assert capsys.readouterr().out == "nothing runs\n"
