"""The console's files, as they are served: by names that hold their version, so for ever.

A version is the hash of all files. It is a part of the path, and modules import each other by
relative paths, so a browser never mixes the files of two releases. What asks for another version,
as happens while releases change places, gets the present file, to be kept by nobody.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOR_EVER = "public, max-age=31536000, immutable"
FOR_NOW = "no-cache"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
SERVED = frozenset({".js", ".css", ".svg", ".wasm", ".ttf", ".pfb"})
PACKED = frozenset({".js", ".css", ".svg", ".wasm"})  # worth compressing
VERSION_CHARS = 12


@dataclass(frozen=True)
class Asset:
    """One file."""

    path: Path
    media_type: str
    etag: str

    @cached_property
    def body(self) -> bytes:
        return self.path.read_bytes()

    @cached_property
    def packed(self) -> bytes | None:
        """By gzip; None where that saves nothing."""
        if self.path.suffix not in PACKED:
            return None
        return gzip.compress(self.body, compresslevel=6, mtime=0)


@dataclass(frozen=True)
class Assets:
    """All files by their path below the folder, such as `pages/jobs.js`."""

    version: str
    files: Mapping[str, Asset]

    @classmethod
    def of(cls, folder: Path) -> "Assets":
        """Reads every file once, to know the version."""
        files, digest = {}, hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix not in SERVED:
                continue
            name, body = path.relative_to(folder).as_posix(), path.read_bytes()
            etag = hashlib.sha256(body).hexdigest()[:32]
            digest.update(f"{name}\0{etag}\n".encode())
            files[name] = Asset(path, _type(path), f'"{etag}"')
        return cls(digest.hexdigest()[:VERSION_CHARS], files)


def _type(path: Path) -> str:
    return (
        TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
