"""The pool's folder for what parsers write, and the removal of folders whose owner was killed.

A folder belongs to whoever holds the lock on the file beside it: the kernel lets go of that lock
when a process dies, whatever the way.
"""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

PREFIX = "parsers-"
LOCK_SUFFIX = ".lock"
BLOCK_BYTES = 512  # the unit of st_blocks, whatever the file system's own is


class ScratchFolder:
    """A fresh folder under `parent`, removed on close."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._path: Path | None = None
        self._lock: int | None = None

    @property
    def path(self) -> Path:
        if self._path is None:
            raise RuntimeError("the scratch folder is not open")
        return self._path

    def open(self) -> Path:
        """Removes abandoned folders, then makes one of our own."""
        self._parent.mkdir(parents=True, exist_ok=True)
        for lock in self._parent.glob(f"{PREFIX}*{LOCK_SUFFIX}"):
            _remove_if_abandoned(lock)
        self._path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._parent))
        self._lock = os.open(_lock_of(self._path), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._path

    def close(self) -> None:
        """A second call does nothing."""
        if self._path is not None and self._lock is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            _lock_of(self._path).unlink(missing_ok=True)
            os.close(self._lock)
            self._path = self._lock = None


def bytes_in(folder: Path, *, entries_max: int) -> int | None:
    """What the files below the folder take of the disk; None if there are too many to count."""
    size, entries, pending = 0, 0, [folder]
    while pending:
        with suppress(FileNotFoundError), os.scandir(pending.pop()) as found:
            for entry in found:
                entries += 1
                if entries > entries_max:
                    return None
                if entry.is_dir(follow_symlinks=False):
                    pending.append(Path(entry.path))
                with suppress(FileNotFoundError):  # whoever writes them also removes them
                    size += entry.stat(follow_symlinks=False).st_blocks * BLOCK_BYTES
    return size


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + LOCK_SUFFIX)


def _remove_if_abandoned(lock: Path) -> None:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # its owner was quicker
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # its owner lives
    else:
        shutil.rmtree(lock.with_name(lock.name.removesuffix(LOCK_SUFFIX)), ignore_errors=True)
        lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
