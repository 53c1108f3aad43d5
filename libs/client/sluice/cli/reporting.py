"""How an upload shows itself: bars at a terminal, lines in a pipe, objects with --json."""

import time
from collections.abc import Sequence
from typing import Any, Protocol, Self

from sluice.cli.bars import Bars
from sluice.cli.output import Settings, complain, print_json, size
from sluice.decoding import encode
from sluice.uploading.board import FileProgress, FileState, UploadReport
from sluice.uploading.files import LocalFile

JSON_SECONDS = 1.0  # between two lines about the bytes or percents of one file
FAILURES_SHOWN = 20


class Reporter(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def changed(self, file: FileProgress) -> None: ...

    def summary(self, report: UploadReport) -> None: ...


def reporter_for(settings: Settings, files: Sequence[LocalFile], *, wait: bool) -> Reporter:
    if settings.quiet and not settings.as_json:
        return Silent()
    if settings.as_json:
        return JsonLines()
    return BarsReporter(files, wait=wait) if settings.interactive else Lines()


class Silent:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def changed(self, file: FileProgress) -> None:
        pass

    def summary(self, report: UploadReport) -> None:
        pass


class Lines(Silent):
    """A line for each file when it is sent, and one when it has its end."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}

    def changed(self, file: FileProgress) -> None:
        said = _state(file)
        if said is not None and self._said.get(file.file_name) != said:
            self._said[file.file_name] = said
            print(f"{said:<10}  {file.file_name}{_why(file)}", flush=True)

    def summary(self, report: UploadReport) -> None:
        print(_sentence(report))
        if report.failed:
            _hint(report)


class BarsReporter(Silent):
    def __init__(self, files: Sequence[LocalFile], *, wait: bool) -> None:
        self._bars = Bars([(file.name, file.size) for file in files], wait=wait)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def changed(self, file: FileProgress) -> None:
        self._bars.changed(file)

    def summary(self, report: UploadReport) -> None:
        for file in report.failed[:FAILURES_SHOWN]:
            print(f"failed      {file.file_name}{_why(file)}")
        if len(report.failed) > FAILURES_SHOWN:
            print(f"            and {len(report.failed) - FAILURES_SHOWN} others")
        print(_sentence(report))
        if report.failed:
            _hint(report)


class JsonLines(Silent):
    """A line for each change of a file, those of bytes and percents not more than once a second."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Any, float]] = {}

    def changed(self, file: FileProgress) -> None:
        state, now = (file.state, file.stage, file.unchanged), time.monotonic()
        before, at = self._said.get(file.file_name, (None, 0.0))
        if state == before and now - at < JSON_SECONDS:
            return
        self._said[file.file_name] = (state, now)
        print_json({"type": "file", **encode(file)})

    def summary(self, report: UploadReport) -> None:
        print_json(
            {
                "type": "summary",
                "dataset": report.dataset,
                "files": len(report.files),
                "uploaded": len(report.uploaded),
                "unchanged": len(report.unchanged),
                "failed": len(report.failed),
                "ok": report.ok,
            }
        )


def _state(file: FileProgress) -> str | None:
    if file.state is FileState.FAILED:
        return "failed"
    if file.state is FileState.COMPLETED:
        return "unchanged" if file.unchanged else "searchable"
    return "uploaded" if file.state is FileState.PROCESSING and not file.unchanged else None


def _why(file: FileProgress) -> str:
    if file.state is not FileState.FAILED:
        return ""
    return f"  {file.error_code}: {file.error}" if file.error else f"  {file.error_code}"


def _sentence(report: UploadReport) -> str:
    sent = sum(file.size for file in report.uploaded)
    parts = [f"{len(report.uploaded)} uploaded ({size(sent)})"]
    if report.unchanged:
        parts.append(f"{len(report.unchanged)} unchanged")
    if report.failed:
        parts.append(f"{len(report.failed)} failed")
    dataset = report.dataset
    return (
        f"{dataset.name}: {', '.join(parts)}; "
        f"{dataset.searchable_count} of {dataset.document_count} documents are searchable"
    )


def _hint(report: UploadReport) -> None:
    if any(file.task_id is not None for file in report.failed):
        complain(f"what failed may be tried again: sluice retry --dataset {report.dataset.id}")
