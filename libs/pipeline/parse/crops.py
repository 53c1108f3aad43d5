"""A raster as a small JPEG: what is shown of a picture, and what an image model gets to see."""

from io import BytesIO

import numpy as np
from PIL import Image

from pipeline.parse.album import SIDE_MAX, Raster

QUALITY = 85


def encoded(raster: Raster) -> tuple[bytes, int, int]:
    """The JPEG with its width and height; the same bytes for the same raster."""
    image = Image.fromarray(np.ascontiguousarray(raster))
    image.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.BICUBIC, reducing_gap=2.0)
    written = BytesIO()
    image.save(written, "JPEG", quality=QUALITY)
    return written.getvalue(), image.width, image.height
