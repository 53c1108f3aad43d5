"""The commands of the Makefile call nothing but Python, git, make and a few of the shell's tools.

What they start is shown by `test_up.py`, under the same PATH.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.layout import REPOSITORY
from support.programs import bare_path

FILES = (
    "Makefile",
    "pyproject.toml",
    "requirements/bootstrap.txt",
    "requirements/local.txt",
    "deploy/local/stack/bootstrap.sh",
    "deploy/local/stack/install.py",
)
COMMAND_SECONDS = 60


class Clone:
    """The commands, in a path with a blank, over packages that are installed: this Python's."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a clone"
        for name in FILES:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, self.root / name)
        self._borrow(Path(sys.prefix), self.root / ".venv")
        self.environment = {
            "PATH": bare_path(folder / "bin"),
            "HOME": str(folder),
            "SLUICE_LOCAL_DIR": str(folder / "data"),
        }

    def run(self, *command: str) -> str:
        """What it printed, errors too."""
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        ).stdout

    def _borrow(self, lender: Path, venv: Path) -> None:
        """Another's packages, under a mark of our own that says: all is there."""
        venv.mkdir()
        for name in ("bin", "lib"):
            (venv / name).symlink_to(lender / name)
        shutil.copy(lender / "pyvenv.cfg", venv)
        place = self.root / "deploy" / "local" / "stack" / "install.py"
        spec = importlib.util.spec_from_file_location("install", place)
        assert spec is not None
        assert spec.loader is not None
        install = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(install)
        (venv / ".sluice-local").write_text(install.fingerprint("local"))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_what_is_installed_already_needs_no_program_to_find_that_out(clone: Clone) -> None:
    assert clone.run("sh", "deploy/local/stack/bootstrap.sh", "local") == ""


def test_help_lists_the_commands(clone: Clone) -> None:
    lines = clone.run("make", "help").splitlines()

    assert {"up", "down", "status", "demo", "test"} <= {line.split()[0] for line in lines}
    assert not any("not found" in line for line in lines)


def test_down_and_status_answer_where_nothing_runs(clone: Clone) -> None:
    assert clone.run("make", "down") == "nothing runs\n"
    assert clone.run("make", "status").splitlines()[0] == "nothing runs"


def test_up_is_the_bootstrap_and_then_python(clone: Clone) -> None:
    lines = clone.run("make", "--dry-run", "up", "WORKERS=3").splitlines()

    assert [line.split()[:4] for line in lines] == [
        ["sh", "deploy/local/stack/bootstrap.sh", "local"],
        [".venv/bin/python", "-m", "stack", "up"],
    ]
