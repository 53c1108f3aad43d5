"""What one parse may use. Each limit ends in a typed error, never in a worker that is gone."""

from dataclasses import dataclass, replace
from typing import Self

MIB = 1024 * 1024
GIB = 1024 * MIB
# The slowest reader of a stream takes 5 MB a second of an idle processor; a busy one is shared.
STREAMED_BYTES_PER_SECOND_MIN = 1 * MIB


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """Limits of one document; the defaults suit files up to a few gigabytes."""

    # Resident memory of the child, libraries included (some 150 MB).
    memory_bytes: int = 1 * GIB
    # Time the reader has waited for the child in all; the time it took to use a batch is not
    # counted, so a slow embedder never makes a parse time out.
    wall_seconds: float = 1_800
    # Time until the next batch: a hang is noticed long before `wall_seconds`.
    silence_seconds: float = 120
    cpu_seconds: int = 1_800
    pages_max: int = 20_000
    # A table's rows name their columns, so its text is up to some three times as long as its file:
    # that of the largest file passes.
    characters_max: int = 20_000_000_000
    # Of all that a parser has written and not removed.
    scratch_bytes: int = 256 * MIB
    # Of a file whose parser must hold all of it; its tree in memory is several times as large.
    whole_file_bytes: int = 256 * MIB
    # Of what an Office file or an e-book unpacks to.
    unpacked_bytes: int = 1 * GIB
    # Of an image, a frame of it at a time: a page of A3 at 600 dots an inch is 70 million.
    image_pixels_max: int = 100_000_000
    # Whether text in pictures is recognised, and what that may take: memory in place of
    # `memory_bytes`, and time that each page adds to the document's.
    ocr: bool = True
    ocr_memory_bytes: int = 2 * GIB
    ocr_page_seconds: int = 60
    # An attempt may last an hour, and begins anew if it does not come to its end.
    ocr_pages_max: int = 500
    # Of pictures that are cropped for an image model; none if there is no such model.
    pictures_max: int = 0

    def for_file(self, size: int) -> Self:
        """With the time that a file of so many bytes may take.

        What no parser holds as a whole is streamed, and takes as long as it is.
        """
        more = max(size - self.whole_file_bytes, 0) // STREAMED_BYTES_PER_SECOND_MIN
        return replace(
            self, wall_seconds=self.wall_seconds + more, cpu_seconds=self.cpu_seconds + more
        )
