"""The vectors that came last, for those who ask before they can be found in the index."""

from array import array
from collections import OrderedDict

from pipeline.embed.answers import Vector

# Two thousand vectors of 1,536 dimensions: several seconds of the fastest endpoint.
BYTES_MAX = 12 * 1024 * 1024


class Recent:
    """The least recently used go first. In single precision, as the index keeps them."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._vectors: OrderedDict[bytes, array[float]] = OrderedDict()

    def get(self, key: bytes) -> Vector | None:
        found = self._vectors.get(key)
        if found is None:
            return None
        self._vectors.move_to_end(key)
        return found.tolist()

    def put(self, key: bytes, vector: Vector) -> None:
        if key in self._vectors:
            return
        kept = array("f", vector)
        self._vectors[key] = kept
        self._bytes += len(kept) * kept.itemsize
        while self._bytes > self._bytes_max:
            _, oldest = self._vectors.popitem(last=False)
            self._bytes -= len(oldest) * oldest.itemsize
