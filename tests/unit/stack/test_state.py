"""The supervisor's notes survive the trip to disk, and what is no note is no crash."""

import os
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.processes import Identity
from stack.state import (
    PartRecord,
    PartState,
    Phase,
    StackState,
    StateFile,
    is_locked,
    lock_held,
)


def test_a_state_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    me = Identity.of(os.getpid())
    record = PartRecord(PartState.WAITING, log="/a b/valkey.log", port=8806)
    file = StateFile(path, StackState(Phase.STARTING, "print", "", me, {"valkey": record}))

    file.part("valkey", PartState.READY, identity=me, restarts=2, detail="was killed")
    file.phase(Phase.RUNNING)

    assert StackState.read(path) == file.state
    assert file.state.settled


@pytest.mark.parametrize("content", ["", "{", "[]", '{"phase": "unheard of"}'])
def test_a_damaged_file_reads_as_nothing_running(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)

    state = StackState.read(path)

    assert state == StackState()


def test_a_lock_is_free_again_when_its_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    with lock_held(path, seconds=0, complaint="taken"):
        held = is_locked(path)
        with (
            pytest.raises(StackError, match="taken"),
            lock_held(path, seconds=0, complaint="taken"),
        ):
            pass

    assert held
    assert not is_locked(path)


def test_a_number_that_another_program_got_is_not_ours() -> None:
    mine = Identity.of(os.getpid())
    reused = Identity(mine.pid, mine.started - 60)

    assert mine.process() is not None
    assert reused.process() is None
    assert reused.replaced()
    assert not mine.replaced()
