"""The text of a line, from the strip of the raster that shows it."""

import cv2
import numpy as np

from pipeline.parse.ocr.models import RECOGNISER, Network, Tensor
from pipeline.parse.ocr.raster import Raster

HEIGHT = 48  # what the network was made for
WIDTH_MIN = 48
WIDTH_MAX = 4_800
# Narrower strips take less time: at three quarters clean pages lose one word in a thousand and a
# quarter of the time, at two thirds two in a hundred. Who is not sure looks again at full width.
SQUEEZED = 0.75
SURE = 0.95


class Recogniser:
    def __init__(self) -> None:
        self._network = Network(RECOGNISER)
        self._characters = ["", *self._network.metadata("character").splitlines(), " "]

    def read(self, strip: Raster) -> tuple[str, float]:
        """The text and how sure the network is, from 0 to 1.

        One strip at a time: a batch is no faster on one core, and pads all to the longest.
        """
        squeezed = self._read(strip, SQUEEZED)
        if squeezed[1] >= SURE:
            return squeezed
        return max(squeezed, self._read(strip, 1.0), key=lambda reading: reading[1])

    def _read(self, strip: Raster, squeeze: float) -> tuple[str, float]:
        likely = self._network.run(_tensor(strip, squeeze))[0]
        classes = likely.argmax(axis=1)
        # A character is told in several columns, repetitions with class 0, nothing, between them.
        first = np.ones(len(classes), bool)
        first[1:] = classes[1:] != classes[:-1]
        kept = first & (classes != 0)
        if not kept.any():
            return "", 0.0
        text = "".join(self._characters[at] for at in classes[kept])
        return text.strip(), float(likely.max(axis=1)[kept].mean())


def _tensor(strip: Raster, squeeze: float) -> Tensor:
    rows, columns = strip.shape[:2]
    width = min(max(round(columns * HEIGHT / rows * squeeze), WIDTH_MIN), WIDTH_MAX)
    normal = cv2.resize(strip, (width, HEIGHT)).astype(np.float32) * (2 / 255) - 1
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[np.newaxis])
