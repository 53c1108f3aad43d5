"""How far each file is, told to whoever draws it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sluice.models import Dataset


class FileState(StrEnum):
    """`completed` means searchable; `failed` may be the upload or the document's job."""

    WAITING = "waiting"
    UPLOADING = "uploading"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileProgress:
    """`percent`, `stage` and `seconds_left` are of the processing. `unchanged`: the dataset had
    this file already, so nothing was sent."""

    file_name: str
    size: int
    state: FileState = FileState.WAITING
    unchanged: bool = False
    bytes_sent: int = 0
    percent: int = 0
    stage: str | None = None
    seconds_left: int | None = None
    error_code: str | None = None
    error: str | None = None
    document_id: str | None = None
    task_id: str | None = None

    @property
    def finished(self) -> bool:
        return self.state in (FileState.COMPLETED, FileState.FAILED)


OnProgress = Callable[[FileProgress], None]


class Board:
    """The state of every file of an upload; each change is told once."""

    def __init__(self, files: Iterable[tuple[str, int]], on_progress: OnProgress | None) -> None:
        self._files = {name: FileProgress(name, size) for name, size in files}
        self._tell = on_progress

    def __iter__(self) -> Iterator[FileProgress]:
        return iter(self._files.values())

    def __getitem__(self, name: str) -> FileProgress:
        return self._files[name]

    def update(self, name: str, **changes: Any) -> None:
        before = self._files[name]
        now = replace(before, **changes)
        if now != before:
            self._files[name] = now
            if self._tell is not None:
                self._tell(now)

    def fail(self, name: str, code: str, message: str) -> None:
        self.update(name, state=FileState.FAILED, error_code=code, error=message)


@dataclass(frozen=True, slots=True)
class UploadReport:
    """What became of every file, in the order of their names."""

    dataset: Dataset
    files: tuple[FileProgress, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed. Files still being processed, if nobody waited, count as well."""
        return not self.failed

    @property
    def failed(self) -> tuple[FileProgress, ...]:
        return tuple(file for file in self.files if file.state is FileState.FAILED)

    @property
    def uploaded(self) -> tuple[FileProgress, ...]:
        """What arrived in the bucket, whatever became of it then."""
        return tuple(
            file for file in self.files if file.document_id is not None and not file.unchanged
        )

    @property
    def unchanged(self) -> tuple[FileProgress, ...]:
        return tuple(file for file in self.files if file.unchanged)
