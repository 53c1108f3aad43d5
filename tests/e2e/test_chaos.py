"""Everything dies, repeats and gets lost at once, and the index ends as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.layout import REPOSITORY

FILES, FAULTS = 24, 14
RUN_SECONDS = 600


@pytest.mark.parametrize("seed", [3, 8])
def test_under_drawn_faults_the_index_ends_as_in_a_quiet_run(seed: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.chaos", "--keep", str(tmp_path), "--verbose"]
    drawn = ["--seed", str(seed), "--files", str(FILES), "--faults", str(FAULTS)]

    ended = subprocess.run(
        [*command, *drawn],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
