"""Ways to damage a file. Each takes a source of chance, the bytes, and those of another file."""

import io
import re
import zipfile
import zlib
from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes, bytes], bytes]

CHUNK_BYTES_MAX = 4096
GROWN_BYTES_MAX = 16 * 1024 * 1024  # a case must stay small enough to be one of thousands
NASTY = (
    b"-1", b"0", b"4294967296", b"99999999999999999999", b"1e308", b"NaN", b"", b"A" * 5000,
    b"../../../etc/passwd", b"file:///etc/passwd", b"http://127.0.0.1:9/", b"&#0;", b"&x;", b"\0",
    b"\xff\xfe", b"%s%n", b"rId1", b"true", "\u202e\u0301".encode(),
)  # fmt: skip
# What the zip library raises for an entry that is damaged, locked or packed in another way.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, EOFError,
    OSError,
)  # fmt: skip
_ATTRIBUTE = re.compile(rb'="([^"<>]{0,200})"')
_TAG = re.compile(rb"<[^<>]{1,300}>")
_PDF_NUMBER = re.compile(rb"(?<![\w.])\d{1,10}(?![\w.])")
_PDF_NAME = re.compile(rb"/[A-Z][A-Za-z0-9]{1,30}")
_PDF_STREAM = re.compile(rb"stream\r?\n(.{8,200000}?)\r?\nendstream", re.DOTALL)


def flip_bytes(draw: Random, data: bytes, _other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice((1, 4, 16, 64, 256))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def truncate(draw: Random, data: bytes, _other: bytes) -> bytes:
    return data[: draw.randrange(1, len(data) + 1)]


def cut_out(draw: Random, data: bytes, _other: bytes) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, CHUNK_BYTES_MAX) :] or data[:1]


def repeat_chunk(draw: Random, data: bytes, _other: bytes) -> bytes:
    at, size = draw.randrange(len(data)), draw.randint(1, CHUNK_BYTES_MAX)
    times = draw.choice((2, 10, 1000))
    return (data[:at] + data[at : at + size] * times + data[at + size :])[:GROWN_BYTES_MAX]


def splice(draw: Random, data: bytes, other: bytes) -> bytes:
    return data[: draw.randrange(1, len(data) + 1)] + other[draw.randrange(len(other)) :]


def insert_noise(draw: Random, data: bytes, _other: bytes) -> bytes:
    at, size = draw.randrange(len(data)), draw.randint(1, CHUNK_BYTES_MAX)
    noise = draw.choice((draw.randbytes(size), b"\0" * size, b"\xff" * size, b'"' * size))
    return data[:at] + noise + data[at:]


def change_markup(draw: Random, data: bytes, _other: bytes) -> bytes:
    """Attributes get nasty values; tags are dropped, doubled or moved."""
    attributes = list(_ATTRIBUTE.finditer(data))
    tags = list(_TAG.finditer(data))
    edits: list[tuple[int, int, bytes]] = []
    for _ in range(draw.choice((1, 3, 10))):
        if attributes and draw.random() < 0.6:
            edits.append((*draw.choice(attributes).span(1), draw.choice(NASTY)))
        elif tags:
            tag = draw.choice(tags)
            edits.append((*tag.span(), draw.choice((b"", tag[0] * 2, draw.choice(tags)[0]))))
    return _edited(data, edits) if edits else flip_bytes(draw, data, b"")


def change_pdf_objects(draw: Random, data: bytes, _other: bytes) -> bytes:
    """References, counts and lengths point elsewhere; keys change places."""
    edits: list[tuple[int, int, bytes]] = []
    for pattern, count in ((_PDF_NUMBER, draw.choice((1, 5, 20))), (_PDF_NAME, draw.randint(0, 3))):
        found = list(pattern.finditer(data))
        for match in draw.choices(found, k=count) if found else ():
            small = str(draw.randrange(50)).encode()
            new = draw.choice((small, draw.choice(NASTY[:6]), draw.choice(found)[0]))
            edits.append((*match.span(), new))
    return _edited(data, edits)


def change_pdf_stream(draw: Random, data: bytes, other: bytes) -> bytes:
    """The content of a stream, packed again where it was packed."""
    streams = list(_PDF_STREAM.finditer(data))
    if not streams:
        return change_pdf_objects(draw, data, other)
    stream = draw.choice(streams)
    try:
        content = zlib.decompress(stream[1])
        changed = zlib.compress(change_pdf_objects(draw, content or b"0", other))
    except zlib.error:
        changed = flip_bytes(draw, stream[1], other)
    return _edited(data, [(*stream.span(1), changed)])


def change_package(draw: Random, data: bytes, other: bytes) -> bytes:
    """One entry of a package is damaged, dropped, doubled or renamed, and all is packed again."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = [(info.filename, package.read(info)) for info in package.infolist()]
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
    ):
        return flip_bytes(draw, data, other)
    if not entries:
        return flip_bytes(draw, data, other)
    at = draw.randrange(len(entries))
    name, content = entries[at]
    match draw.randrange(10):
        case 0:
            del entries[at]
        case 1:
            entries.append((name, content))
        case 2:
            entries[at] = (
                draw.choice(("../" * 3 + "x", "/etc/x", name.upper(), "a" * 300)),
                content,
            )
        case 3 | 4:
            damage = draw.choice((flip_bytes, truncate, repeat_chunk))
            entries[at] = (name, damage(draw, content or b"\0", other))
        case _:
            entries[at] = (name, change_markup(draw, content or b"\0", other))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries:
            package.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


ANY: tuple[Mutation, ...] = (
    flip_bytes, truncate, cut_out, repeat_chunk, splice, insert_noise,
)  # fmt: skip


def mutations_for(data: bytes) -> tuple[Mutation, ...]:
    """Half of them know the format, if there is one that is known here."""
    if data.startswith(b"PK"):
        return (*ANY, *(change_package,) * len(ANY))
    if b"%PDF-" in data[:1024]:
        return (*ANY, *(change_pdf_objects, change_pdf_stream) * (len(ANY) // 2))
    if b"<" in data[:1024]:
        return (*ANY, *(change_markup,) * len(ANY))
    return ANY


def _edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """From the back to the front; of edits that overlap, the one further back."""
    limit = len(data)
    for begin, end, new in sorted(edits, reverse=True):
        if end <= limit:
            data = data[:begin] + new + data[end:]
            limit = begin
    return data or b"\0"
