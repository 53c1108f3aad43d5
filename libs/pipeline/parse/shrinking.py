"""An image of any size and mode as the small raster that text is recognised in.

A scan of a hundred million pixels takes 400 MB as it is, and as much again with every copy: it is
made smaller while it is decoded, if its type can, and turned into colours a band at a time.
"""

import math

import numpy as np
from PIL import ExifTags, Image, ImageOps

from pipeline.errors import TooLarge
from pipeline.parse.ocr.raster import Raster

# A page of A3 at 200 dots an inch. What is larger is scaled down before it is read.
READ_PIXELS_MAX = 16_000_000
# Of an image that is not recognised, and so has no more memory than other documents.
UNREAD_PIXELS_MAX = 25_000_000
BAND_ROWS = 256  # of the raster
PAPER = "white"  # behind what is transparent

_OTHER_ORDERS = ("I;16B", "I;16L", "I;16N")  # sixteen bits that Pillow does little with
Levels = tuple[float, float]  # the darkest and the brightest of a whole image


def shrunk(image: Image.Image, *, pixels_max: int) -> tuple[Raster, float]:
    """Upright, and how many of the image's pixels one of the raster is. Decodes the image.

    Raises TooLarge, and what Pillow raises.
    """
    pixels = image.width * image.height
    if pixels > pixels_max:
        raise TooLarge(f"an image may have at most {pixels_max} pixels")
    image.draft(None, _size_to_read(image))  # a JPEG is decoded at a half or a quarter of its size
    image.load()
    grey = image.convert("I") if image.mode in _OTHER_ORDERS else image
    colours = _in_bands(grey, _size_to_read(image))
    colours.getexif()[ExifTags.Base.Orientation] = image.getexif().get(ExifTags.Base.Orientation, 1)
    ImageOps.exif_transpose(colours, in_place=True)
    return np.asarray(colours)[:, :, ::-1], math.sqrt(pixels / (colours.width * colours.height))


def _size_to_read(image: Image.Image) -> tuple[int, int]:
    scale = max(math.sqrt(image.width * image.height / READ_PIXELS_MAX), 1.0)
    return max(round(image.width / scale), 1), max(round(image.height / scale), 1)


def _in_bands(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """In red, green and blue, of the size, with never more than a band converted."""
    width, height = size
    step = image.height / height
    levels = _levels(image)
    colours = Image.new("RGB", size)
    for top in range(0, height, BAND_ROWS):
        rows = min(BAND_ROWS, height - top)
        begin, end = top * step, min((top + rows) * step, image.height)
        first, last = math.floor(begin), math.ceil(end)
        band = _in_colour(image.crop((0, first, image.width, last)), levels)
        edges = (0, begin - first, image.width, end - first)
        colours.paste(band.resize((width, rows), Image.Resampling.BOX, box=edges), (0, top))
    return colours


def _levels(image: Image.Image) -> Levels | None:
    """Of sixteen bits and more, which `convert` would cut off; None for other images."""
    if not image.mode.startswith(("I", "F")):
        return None
    darkest, brightest = image.getextrema()
    if isinstance(darkest, tuple) or isinstance(brightest, tuple):
        return None  # of several bands, and none of these modes has them
    return darkest, brightest


def _in_colour(band: Image.Image, levels: Levels | None) -> Image.Image:
    if levels is not None:
        darkest, brightest = levels
        pixels = np.asarray(band, np.float32) - darkest
        pixels *= 255 / max(brightest - darkest, 1.0)
        return Image.fromarray(pixels.astype(np.uint8)).convert("RGB")
    if band.has_transparency_data:
        shown = band.convert("RGBA")
        paper = Image.new("RGBA", shown.size, PAPER)
        return Image.alpha_composite(paper, shown).convert("RGB")
    return band if band.mode == "RGB" else band.convert("RGB")
