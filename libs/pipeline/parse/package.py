"""What a zip package really holds: its directory is not believed, its entries are counted.

A directory may declare a few bytes for an entry that unpacks to gigabytes, and let a thousand
entries share one stretch of the file; parsers go by either. So every entry is unpacked once, into
nothing, and may be no larger than the directory says. One that is damaged is left to the parser,
which may have no need of it.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import DocumentCorrupt, DocumentEncrypted, TooLarge
from pipeline.parse.limits import ParseLimits

ENTRIES_MAX = 50_000  # a large workbook has hundreds
READ_BYTES = 64 * 1024
UNPACKED_AT_ONCE = 1024 * 1024
_LOCAL_HEADER = struct.Struct("<4s22xHH")  # mark, lengths of the name and of the extra field
_LOCAL_MARK = b"PK\x03\x04"
_ENCRYPTED = 0x1


def check_package(path: Path, package: zipfile.ZipFile, limits: ParseLimits) -> None:
    """Raises TooLarge, DocumentEncrypted, or DocumentCorrupt for a directory that lies."""
    entries = package.infolist()
    if len(entries) > ENTRIES_MAX:
        raise TooLarge(f"the file holds more than {ENTRIES_MAX} parts")
    if sum(entry.file_size for entry in entries) > limits.unpacked_bytes:
        raise TooLarge(f"the file unpacks to more than {limits.unpacked_bytes} bytes")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise DocumentEncrypted("the file is protected by a password")
    end = 0
    with path.open("rb") as file:
        for entry in sorted(entries, key=lambda each: each.header_offset):
            start = _content_start(file, entry)
            if entry.header_offset < end:
                raise DocumentCorrupt("parts of the package overlap")
            end = start + entry.compress_size
            if _unpacked_bytes(file, start, entry) > entry.file_size:
                raise DocumentCorrupt("a part of the package is larger than it says")


def _content_start(file: BinaryIO, entry: zipfile.ZipInfo) -> int:
    file.seek(entry.header_offset)
    header = file.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size or not header.startswith(_LOCAL_MARK):
        raise DocumentCorrupt("the file is a package that cannot be opened")
    _, name, extra = _LOCAL_HEADER.unpack(header)
    return int(entry.header_offset + _LOCAL_HEADER.size + name + extra)


def _unpacked_bytes(file: BinaryIO, start: int, entry: zipfile.ZipInfo) -> int:
    """Stops soon after what the directory declares."""
    if entry.compress_type == zipfile.ZIP_STORED:
        return entry.compress_size
    if entry.compress_type != zipfile.ZIP_DEFLATED:
        raise DocumentCorrupt("a part of the package is packed in an unusual way")
    file.seek(start)
    inflater, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with suppress(zlib.error):
        for piece in _pieces(file, entry.compress_size):
            pending = piece
            while pending and size <= entry.file_size:
                size += len(inflater.decompress(pending, UNPACKED_AT_ONCE))
                pending = inflater.unconsumed_tail
        # What the bound above held back.
        while size <= entry.file_size and (rest := inflater.decompress(b"", UNPACKED_AT_ONCE)):
            size += len(rest)
    return size


def _pieces(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (piece := file.read(min(length, READ_BYTES))):
        length -= len(piece)
        yield piece
