"""Everything dies, repeats and gets lost at once, and the index ends as if nothing had happened."""

import os
import subprocess
import sys
from pathlib import Path

from stack.layout import REPOSITORY

SEEDS, FILES, FAULTS = (3, 17), 12, 12
RUN_SECONDS = 600


def test_under_drawn_faults_the_index_ends_as_in_a_quiet_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.chaos", "--keep", str(tmp_path), "--verbose"]
    drawn = ["--seed", *map(str, SEEDS), "--files", str(FILES), "--faults", str(FAULTS)]

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
