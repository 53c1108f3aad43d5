"""Which files are meant, and what each is called in the dataset.

A file is called by its name, a file of a folder by its path in the folder, with `/` between the
parts; what a pattern finds by its path below the part of the pattern that has no wildcard.
"""

import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path, PurePath

from sluice.errors import NothingToUpload


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file as it was when it was looked at."""

    path: Path
    name: str
    size: int
    mtime_ns: int

    @classmethod
    def at(cls, path: Path, name: str) -> "LocalFile":
        """
        Raises:
            NothingToUpload: it cannot be looked at.
        """
        try:
            found = path.stat()
        except OSError as error:
            raise NothingToUpload(f"{path}: {error.strerror or error}") from error
        # The API folds names so; a name that differs from the answer's would never be found there.
        return cls(path, unicodedata.normalize("NFC", name), found.st_size, found.st_mtime_ns)

    def changed(self) -> bool:
        """Whether the file is another one by now, or gone."""
        try:
            now = self.path.stat()
        except OSError:
            return True
        return (now.st_size, now.st_mtime_ns) != (self.size, self.mtime_ns)


def collect(paths: Iterable[str | os.PathLike[str]], *, hidden: bool = False) -> list[LocalFile]:
    """The files that these files, folders and patterns name, by name. What begins with a dot is
    left out of folders unless it is wanted.

    Raises:
        NothingToUpload: a path names nothing, or two files would have one name.
    """
    found: dict[str, LocalFile] = {}
    for path in paths:
        for file in _files(os.fspath(path), hidden=hidden):
            other = found.setdefault(file.name, file)
            if other.path.resolve() != file.path.resolve():
                raise NothingToUpload(
                    f"{other.path} and {file.path} would both be called {file.name!r}; "
                    "upload a folder that holds both, or one after the other"
                )
    return [found[name] for name in sorted(found)]


def _files(text: str, *, hidden: bool) -> Iterator[LocalFile]:
    path = Path(text).expanduser()
    if path.is_dir():
        yield from _folder(path, hidden=hidden)
    elif path.exists() or not has_magic(text):
        if path.exists() and not path.is_file():
            raise NothingToUpload(f"{path} is neither a file nor a folder")
        yield LocalFile.at(path, path.name)
    else:
        yield from _pattern(path, hidden=hidden)


def _folder(folder: Path, *, hidden: bool) -> Iterator[LocalFile]:
    for current, folders, names in os.walk(folder):
        if not hidden:
            folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(current) / name
            if (hidden or not name.startswith(".")) and path.is_file():
                yield LocalFile.at(path, path.relative_to(folder).as_posix())


def _pattern(pattern: Path, *, hidden: bool) -> Iterator[LocalFile]:
    fixed = PurePath(*_before_wildcard(pattern.parts))
    # Path.glob takes no absolute pattern.
    matches = glob(str(pattern), recursive=True, include_hidden=hidden)  # noqa: PTH207
    files = [Path(match) for match in matches if Path(match).is_file()]
    if not files:
        raise NothingToUpload(f"no file matches {pattern}")
    for path in files:
        yield LocalFile.at(path, path.relative_to(fixed).as_posix())


def _before_wildcard(parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        if has_magic(part):
            return
        yield part


def listed(paths: Iterable[str]) -> list[LocalFile]:
    """Files that a list names, as `find` prints it: by their paths as they stand there, or, where
    those lead outside of the current folder, by their names.

    Raises:
        NothingToUpload: one is no file.
    """
    found: dict[str, LocalFile] = {}
    for text in paths:
        if not text:
            continue
        path = Path(text)
        if path.is_dir():
            raise NothingToUpload(f"{path} is a folder; name it as an argument")
        inside = not path.is_absolute() and ".." not in path.parts
        file = LocalFile.at(path, path.as_posix() if inside else path.name)
        found[file.name] = file
    return list(found.values())
