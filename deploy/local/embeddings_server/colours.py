"""A stand-in for a model of texts and images in one space: it sees colours and nothing else.

No such model comes inside a package. A vector says which colours an image has, and how they lie on
a grid of four by four; a text is the colours that it names. So an image finds itself and a smaller
copy of itself, and "red" finds red ones. It shows that search by image works, and says nothing of
how well a real model finds.
"""

import hashlib
from io import BytesIO

import numpy as np
import regex
from numpy.typing import NDArray
from PIL import Image

from embeddings_server.wire import Vector

NAME = "colour-layout"
DESCRIPTION = "STAND-IN for texts and images: the colours and their layout, no meaning"
PIXELS_MAX = 40_000_000
GRID = 4
LOOKED_AT = 64  # pixels a side
LAYOUT_WEIGHT = 0.6
WORDS = 8  # numbers for all other words, small, so that no text is without a vector
WORDS_WEIGHT = 0.05

_COLOURS = {
    "red": (220, 30, 30),
    "orange": (250, 150, 20),
    "yellow": (245, 230, 40),
    "green": (30, 160, 60),
    "cyan": (40, 210, 220),
    "blue": (30, 60, 210),
    "purple": (130, 40, 170),
    "pink": (250, 150, 200),
    "brown": (120, 70, 30),
    "black": (10, 10, 10),
    "grey": (128, 128, 128),
    "white": (248, 248, 248),
}
_ALIASES = {"gray": "grey", "violet": "purple"}
_NAMES = list(_COLOURS)
_PALETTE = np.array(list(_COLOURS.values()), np.float32)
DIMENSIONS = len(_NAMES) + GRID * GRID * 3 + WORDS
_WORD = regex.compile(r"\p{L}+")


def vector_of_image(data: bytes) -> tuple[Vector, int]:
    """The vector and the number of pixels; ValueError for what is no image."""
    try:
        with Image.open(BytesIO(data)) as image:
            pixels = image.width * image.height
            if pixels > PIXELS_MAX:
                raise ValueError("the image is too large")
            small = image.convert("RGB").resize((LOOKED_AT, LOOKED_AT), Image.Resampling.BOX)
    except ValueError:
        raise
    except Exception as error:  # Pillow's plugins raise anything
        raise ValueError("not an image") from error
    raster = np.asarray(small, np.float32)
    cell = LOOKED_AT // GRID
    layout = raster.reshape(GRID, cell, GRID, cell, 3).mean(axis=(1, 3)).ravel() / 127.5 - 1
    numbers = [_unit(_shares(raster)), LAYOUT_WEIGHT * _unit(layout), np.zeros(WORDS, np.float32)]
    return _unit(np.concatenate(numbers)), pixels


def vector_of_text(text: str) -> Vector:
    colours, others = np.zeros(len(_NAMES), np.float32), np.zeros(WORDS, np.float32)
    for word in _WORD.findall(text.casefold()):
        name = _ALIASES.get(word, word)
        if name in _COLOURS:
            colours[_NAMES.index(name)] += 1
        else:
            others[hashlib.sha256(word.encode()).digest()[0] % WORDS] += 1
    others[0] += not colours.any() and not others.any()
    layout = np.zeros(GRID * GRID * 3, np.float32)
    return _unit(np.concatenate([_unit(colours), layout, WORDS_WEIGHT * _unit(others)]))


def _shares(raster: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of the image each colour has, by the nearest of the palette."""
    distances = ((raster.reshape(-1, 1, 3) - _PALETTE) ** 2).sum(axis=2)
    counts = np.bincount(distances.argmin(axis=1), minlength=len(_NAMES))
    return counts.astype(np.float32)


def _unit(numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    length = float(np.linalg.norm(numbers))
    return numbers if length == 0 else (numbers / length).astype(np.float32)
