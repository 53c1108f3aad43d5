"""Bars for a terminal: one for the transfer, one for the indexing, and the files under way."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from sluice.cli.output import duration, size
from sluice.uploading.board import FileProgress, FileState

SHOWN_FILES = 8
NAME_CHARACTERS = 40


class Bars:
    """`wait`: whether the indexing is followed, too."""

    def __init__(self, files: Sequence[tuple[str, int]], *, wait: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(max_width=NAME_CHARACTERS + 2)),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", style="dim"),
            console=Console(),
            transient=True,
            refresh_per_second=8,
        )
        self._files = {name: FileProgress(name, size) for name, size in files}
        self._sent = self._done = self._ended = 0
        self._to_send = sum(size for _, size in files)
        self._upload = self._progress.add_task("uploading", total=max(self._to_send, 1), note="")
        self._indexing = self._progress.add_task(
            "indexing", total=100 * len(files), note="", visible=wait
        )
        self._shown: dict[str, TaskID] = {}

    def start(self) -> None:
        self._progress.start()

    def stop(self) -> None:
        self._progress.stop()

    def changed(self, file: FileProgress) -> None:
        before = self._files[file.file_name]
        self._files[file.file_name] = file
        self._sent += file.bytes_sent - before.bytes_sent
        if file.unchanged and not before.unchanged:
            self._to_send -= file.size
        self._done += _percents(file) - _percents(before)
        self._ended += file.finished - before.finished
        self._progress.update(
            self._upload,
            total=max(self._to_send, 1),
            completed=self._sent if self._to_send else 1,
            note=f"{size(self._sent)} of {size(self._to_send)}" if self._to_send else "unchanged",
        )
        self._progress.update(
            self._indexing,
            completed=self._done,
            note=f"{self._ended} of {len(self._files)} files done",
        )
        self._show(file)

    def _show(self, file: FileProgress) -> None:
        """Among the files under way, of which not all have room."""
        task = self._shown.get(file.file_name)
        if file.finished:
            if task is not None:
                self._progress.remove_task(self._shown.pop(file.file_name))
            return
        if task is None:
            if len(self._shown) == SHOWN_FILES or file.state is FileState.WAITING:
                return
            task = self._progress.add_task("", total=100, note="")
            self._shown[file.file_name] = task
        uploading = file.state is FileState.UPLOADING
        percent = 100 * file.bytes_sent / max(file.size, 1) if uploading else file.percent
        left = duration(file.seconds_left)
        stage = "uploading" if uploading else (file.stage or "queued")
        self._progress.update(
            task,
            description=f"  {escape(_short(file.file_name))}",
            completed=percent,
            note=f"{stage}{f', {left} left' if left and not uploading else ''}",
        )


def _percents(file: FileProgress) -> int:
    return 100 if file.finished else file.percent


def _short(name: str) -> str:
    return name if len(name) <= NAME_CHARACTERS else "…" + name[1 - NAME_CHARACTERS :]
