"""The pictures of one document, cropped and re-encoded for display and for an image model.

Everything here happens in the parser child: a picture that somebody uploaded is as hostile as any
other file. What leaves it is a small JPEG of our own making.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.document import Crop, Picture, Position

Raster = NDArray[np.uint8]

SIDE_MAX = 1_024  # models look at some 200 to 1,000 pixels a side
SIDE_MIN = 32  # what is smaller is an icon or a rule
CONTRAST_MIN = 8  # of 255: less is an empty frame
NEAR_CHARS_MAX = 500  # a caption; of a recognised page its beginning


def _nobody(_: Crop) -> None:
    """What an album that takes nothing does with it."""


class Album:
    """Takes up to `pictures_max` pictures, each of them once; those of a mail's attachments too.

    Only from a parser child, one document at a time.
    """

    def __init__(self, pictures_max: int = 0, send: Callable[[Crop], None] = _nobody) -> None:
        self._pictures_max = pictures_max
        self._send = send
        self._seen: set[bytes] = set()
        self._attachments: tuple[str, ...] = ()
        self.overflowed = False  # there were more
        self.left_out = False  # one was too large to be unpacked

    @property
    def is_wanted(self) -> bool:
        """Whether anybody wants pictures at all."""
        return self._pictures_max > 0

    @property
    def is_open(self) -> bool:
        """Whether one more is taken. Asked before the work of drawing it."""
        return len(self._seen) < self._pictures_max

    @contextmanager
    def within(self, attachment: str) -> Iterator[None]:
        """Pictures that are added meanwhile belong to this attachment of the one around it."""
        outer = self._attachments
        self._attachments = (*outer, attachment)
        try:
            yield
        finally:
            self._attachments = outer

    def add(self, raster: Raster, position: Position, near: str = "") -> None:
        """`raster`: rows, columns, red, green and blue. Small, empty and repeated ones are passed
        over."""
        rows, columns = raster.shape[:2]
        if min(rows, columns) < SIDE_MIN or int(raster.max()) - int(raster.min()) < CONTRAST_MIN:
            return
        if not self.is_open:
            self.overflowed = self.is_wanted
            return
        # The process that starts the children knows of albums, and needs no codecs.
        from pipeline.parse.crops import encoded  # noqa: PLC0415

        data, width, height = encoded(raster)
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            return
        if self._attachments:
            position = replace(position, attachment="/".join(self._attachments))
        picture = Picture(
            ordinal=len(self._seen),
            width=width,
            height=height,
            near=" ".join(near.split())[:NEAR_CHARS_MAX],
            position=position,
        )
        self._seen.add(digest)
        self._send(Crop(picture, data))
