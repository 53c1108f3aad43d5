"""Where the stack keeps its files: data, logs, secrets and the notes of what runs.

Everything sits under one folder, so that wiping that folder wipes the stack.
"""

from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
LOG_BYTES_MAX = 10 * 1024 * 1024  # a log beyond this is set aside when its part starts
LOG_TAIL_BYTES = 64 * 1024  # more than any count of lines shown
PRIVATE_FOLDER = 0o700  # data and logs hold other people's documents
# Others may pass through, and see nothing: started by root, Postgres may run as another user.
PASSAGE_FOLDER = 0o711


@dataclass(frozen=True)
class Layout:
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def env(self) -> Path:
        return self.root / "env"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    @property
    def supervisor_lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def command_lock(self) -> Path:
        return self.run / "command.lock"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def create(self) -> None:
        self.root.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.root, self.data):
            folder.mkdir(exist_ok=True)
            folder.chmod(PASSAGE_FOLDER)
        for folder in (self.logs, self.run, self.scratch):
            folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def last_lines(log: Path, count: int = 15) -> str:
    """The end of a log, for an error that must explain itself."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return "\n".join(lines[-count:])


def set_aside_large_log(log: Path) -> None:
    """Keep one previous log, so that a part that restarts for days cannot fill the disk."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_name(log.name + ".1"))
