"""Whether the dataset has a file already, byte for byte."""

from sluice.models import Document
from sluice.uploading.checksums import etag_of
from sluice.uploading.files import LocalFile
from sluice.uploading.memory import Memory, Remembered

MIB = 1024 * 1024
# Sizes that parts usually have, for an object that somebody else sent.
USUAL_PART_BYTES = tuple(size * MIB for size in (5, 8, 16, 32, 64, 100, 128, 256, 512))


def is_unchanged(file: LocalFile, document: Document, memory: Memory) -> bool:
    """Reads the file if its size is that of the document and nothing is remembered of it.

    An object whose checksum says nothing of its bytes (as with some kinds of encryption) counts as
    another one: what is sent again costs time, what is left out would be missing.
    """
    known = memory.recall(file)
    if _is_on_its_way(known, document):
        return True
    if document.size != file.size or document.etag is None:
        return False
    if known is not None and known.etag is not None and known.etag == document.etag:
        return True
    for part_bytes in _part_sizes(document.etag, file.size, known):
        if etag_of(file.path, file.size, part_bytes) == document.etag:
            memory.keep(file, Remembered(part_bytes, document.etag, None, document.task_id))
            return True
    return False


def _is_on_its_way(known: Remembered | None, document: Document) -> bool:
    """We sent it, and the job that we were told of is still the latest one and at work: the
    document says nothing of this version yet."""
    return (
        known is not None
        and known.task_id is not None
        and known.task_id == document.task_id
        and not document.finished
    )


def _part_sizes(etag: str, size: int, known: Remembered | None) -> list[int | None]:
    """With which sizes of parts an object of this size may have got such an ETag."""
    _, dash, count = etag.partition("-")
    if not dash:
        return [None]
    if not count.isdecimal():
        return []
    candidates = {known.part_bytes} if known is not None and known.part_bytes else set()
    candidates |= {*USUAL_PART_BYTES}
    return [each for each in sorted(candidates) if each and -(-size // each) == int(count)]
