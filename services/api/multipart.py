"""Uploads in parts: how a file is parted, and what an upload's id says.

Nothing is kept of an upload but what the bucket keeps. The id that clients get carries the file's
size beside the bucket's own id, so that each part is signed for exactly its length, as R2 demands,
and the end is told from a gap; and when the object was written that it replaces, so that the old
object is never taken for the new one. The object's key is made of the dataset that the caller may
use: with any other key the bucket knows no such upload.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from api.errors import MultipartIncomplete, MultipartNotFound
from api.file_names import object_key
from api.multipart_shapes import PARTS_MAX, UploadedPart
from pipeline.store.multipart import Part, PartsMismatch, UploadGone
from pipeline.store.objects import ObjectStore, ObjectVersion

MEBIBYTE = 1024 * 1024
PART_BYTES_MIN = 16 * MEBIBYTE
NUMBERS_SHOWN = 10
ID_FORMAT = re.compile(
    r"(?P<size>[1-9][0-9]{0,15})\.(?P<replaces>[0-9]{1,12})\.(?P<store_id>[A-Za-z0-9._~+/=-]+)"
)


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload in parts. All parts are of `part_bytes` but the last, which is the rest.

    `replaces`: when the object was written that was there as it began, in seconds since the epoch
    by the bucket's clock; 0 if there was none.
    """

    key: str
    store_id: str
    size: int
    replaces: int

    @classmethod
    def named(cls, dataset_id: UUID, file_name: str, upload_id: str, *, bytes_max: int) -> Self:
        """
        Raises:
            MultipartNotFound: no id of ours looks like this, or has a size that is not taken.
        """
        matched = ID_FORMAT.fullmatch(upload_id)
        # Clients could write another size into it: every part is signed by what it says.
        if matched is None or int(matched["size"]) > bytes_max:
            raise MultipartNotFound
        return cls(
            object_key(dataset_id, file_name),
            matched["store_id"],
            int(matched["size"]),
            int(matched["replaces"]),
        )

    @property
    def upload_id(self) -> str:
        return f"{self.size}.{self.replaces}.{self.store_id}"

    def has_become(self, version: ObjectVersion) -> bool:
        """Whether this may be its object: not the one that was there before."""
        written = int(version.last_modified.timestamp())
        return version.size == self.size and written > self.replaces

    @property
    def part_bytes(self) -> int:
        least = -(-self.size // PARTS_MAX)
        return max(PART_BYTES_MIN, -(-least // MEBIBYTE) * MEBIBYTE)

    @property
    def part_count(self) -> int:
        return -(-self.size // self.part_bytes)

    def length_of(self, number: int) -> int:
        """In bytes; 0 if it has no such part."""
        if not 1 <= number <= self.part_count:
            return 0
        return min(self.part_bytes, self.size - (number - 1) * self.part_bytes)


async def complete(
    objects: ObjectStore, upload: Upload, named: Sequence[UploadedPart] | None
) -> None:
    """Make the object of its parts: those that are named, or those that the bucket lists.

    Done again, it finds the object and is content.

    Raises:
        MultipartNotFound: the upload has ended, and has left no such object.
        MultipartIncomplete: parts are missing, or differ.
    """
    try:
        # Compared here, not by the bucket: some drop an upload whose completion they refuse.
        parts = await _listed(objects, upload)
        _check_complete(upload, parts)
        if named is not None:
            _check_named(parts, named)
        await objects.multipart.complete(upload.key, upload.store_id, parts)
    except UploadGone as error:
        version = await objects.head(upload.key)
        if version is None or not upload.has_become(version):
            raise MultipartNotFound from error
    except PartsMismatch as error:
        raise MultipartIncomplete(
            "The bucket does not have these parts; list what it has, and upload the others."
        ) from error


async def _listed(objects: ObjectStore, upload: Upload) -> list[Part]:
    parts: list[Part] = []
    more = True
    while more:
        after = parts[-1].number if parts else 0
        found, more = await objects.multipart.parts(upload.key, upload.store_id, after=after)
        parts += found
        more = more and bool(found)
    return parts


def _check_complete(upload: Upload, parts: Sequence[Part]) -> None:
    there = {part.number for part in parts if part.size == upload.length_of(part.number)}
    missing = [number for number in range(1, upload.part_count + 1) if number not in there]
    if missing:
        raise MultipartIncomplete(
            f"The file has {upload.part_count} parts; these are missing: {_some(missing)}."
        )


def _check_named(parts: Sequence[Part], named: Sequence[UploadedPart]) -> None:
    etags = {part.number: part.etag for part in parts}
    given = {part.number: part.etag.strip('"') for part in named}
    wrong = sorted(number for number in etags | given if etags.get(number) != given.get(number))
    if wrong or len(given) != len(named):
        raise MultipartIncomplete(
            f"Name all {len(parts)} parts once, with their ETags. These are missing or differ: "
            f"{_some(wrong)}."
        )


def _some(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:NUMBERS_SHOWN])
    return f"{shown} and more" if len(numbers) > NUMBERS_SHOWN else shown
