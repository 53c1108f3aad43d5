"""Ends what a killed test session left behind.

A small process of its own reads the numbers of the process groups from a pipe. When the pipe closes
without a farewell, the session is dead: the leash kills the groups and removes their folder.
"""

import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .layout import REPOSITORY
from .processes import end_group

FAREWELL = "released"


class Leash:
    def __init__(self, directory: Path | None) -> None:
        """`directory` is removed with the groups; None leaves the caller's folder alone."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stack.leash", *([str(directory)] if directory else [])],
            stdin=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY / "deploy" / "local",
            start_new_session=True,
        )

    def hold(self, group: int) -> None:
        self._tell(str(group))

    def release(self) -> None:
        """The caller has ended the groups itself."""
        self._tell(FAREWELL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()


def main(arguments: list[str]) -> None:
    groups: list[int] = []
    for line in sys.stdin:
        if line.strip() == FAREWELL:
            return
        groups.append(int(line))
    for group in groups:
        end_group(group)
    for directory in arguments:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
