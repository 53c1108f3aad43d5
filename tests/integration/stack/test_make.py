"""What the Makefile adds to the commands."""

import os
import subprocess
import sys
from pathlib import Path

from stack.layout import REPOSITORY


def test_make_status_where_nothing_runs_is_an_answer_and_no_error(tmp_path: Path) -> None:
    status = subprocess.run(
        ["make", "--no-print-directory", "status", f"PY='{sys.executable}'", "BOOTSTRAP=true"],
        cwd=REPOSITORY,
        env={**os.environ, "SLUICE_LOCAL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (status.returncode, status.stdout, status.stderr) == (0, "nothing runs\n", "")
