"""A machine that cannot run the stack is told why in one line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.layout import REPOSITORY


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The bootstrap alone, in a path with a blank, where nothing is installed."""
    root = tmp_path / "a clone"
    folder = root / "deploy" / "local" / "stack"
    folder.mkdir(parents=True)
    for name in ("bootstrap.sh", "install.py"):
        shutil.copy(REPOSITORY / "deploy" / "local" / "stack" / name, folder / name)
    (root / "requirements").mkdir()
    return root


def bootstrap(clone: Path, **pythons: str) -> subprocess.CompletedProcess[str]:
    """Run it with a PATH that holds these programs as Pythons, and the shell's own tools."""
    tools = clone / "bin"
    tools.mkdir()
    for name in ("sh", "dirname"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    for name, script in pythons.items():
        program = tools / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return subprocess.run(
        ["sh", "deploy/local/stack/bootstrap.sh", "local"],
        cwd=clone,
        env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_python_at_all_is_one_clear_line(clone: Path) -> None:
    result = bootstrap(clone)

    assert result.returncode == 1
    assert "no python3 is on the PATH" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_an_old_python_is_named_with_its_version(clone: Path) -> None:
    old = 'case "$2" in *print*) echo 3.9;; *) exit 1;; esac'

    result = bootstrap(clone, python3=old)

    assert result.returncode == 1
    assert "python3 is 3.9" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_python_without_venv_is_told_from_an_old_one(clone: Path) -> None:
    bare = 'case "$2" in *print*) echo 3.12;; *ensurepip*) exit 1;; *) exit 0;; esac'

    result = bootstrap(clone, python3=bare)

    assert result.returncode == 1
    assert "has no venv module" in result.stderr
    assert len(result.stderr.splitlines()) == 1
