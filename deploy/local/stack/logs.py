"""`logs`: the end of every log, then what is added, each line with the name of its part."""

import time
from pathlib import Path

from .errors import StackError
from .layout import Layout, last_lines

POLL_SECONDS = 0.3
LINES_BEFORE = 10


class Follower:
    """Whole lines of one log, from the moment it was made; survives that the log is set aside."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = path.stat().st_size
        self._rest = b""

    def new_lines(self) -> list[str]:
        try:
            size = self._path.stat().st_size
            if size < self._position:  # a new file under the same name
                self._position, self._rest = 0, b""
            with self._path.open("rb") as file:
                file.seek(self._position)
                received = file.read()
        except FileNotFoundError:
            return []
        self._position += len(received)
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [line.decode("utf-8", errors="replace") for line in lines]


def print_logs(layout: Layout, part: str, *, follow: bool) -> None:
    """`part` is the beginning of a name: `worker` means all workers; empty means every part."""
    followers: dict[Path, Follower] = {}
    first = True
    while first or follow:
        for path in sorted(layout.logs.glob(f"{part}*.log")):
            if path not in followers:
                followers[path] = Follower(path)
                if text := last_lines(path, LINES_BEFORE):
                    _print(path, text.splitlines())
            _print(path, followers[path].new_lines())
        if first and not followers:
            raise StackError(f"no log begins with {part!r} in {layout.logs}")
        first = False
        if follow:
            time.sleep(POLL_SECONDS)


def _print(path: Path, lines: list[str]) -> None:
    for line in lines:
        print(f"{path.stem:<11} | {line}", flush=True)
