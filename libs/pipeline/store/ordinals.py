"""A set of ordinals that takes an eighth of a byte for each: twenty million rows fit in 2.5 MB."""

from collections.abc import Iterable, Iterator

ORDINALS_MAX = 1 << 28  # ten times the rows that a document may have; 32 MB


class Ordinals:
    """Grows to its largest member. ValueError for what is no ordinal of a row of ours."""

    def __init__(self, ordinals: Iterable[int] = ()) -> None:
        self._bits = bytearray()
        for ordinal in ordinals:
            self.add(ordinal)

    def add(self, ordinal: int) -> None:
        if not 0 <= ordinal < ORDINALS_MAX:
            raise ValueError(f"{ordinal} is no ordinal")
        at, bit = divmod(ordinal, 8)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits)))
        self._bits[at] |= 1 << bit

    def __contains__(self, ordinal: int) -> bool:
        at, bit = divmod(ordinal, 8)
        return 0 <= at < len(self._bits) and bool(self._bits[at] & 1 << bit)

    def __iter__(self) -> Iterator[int]:
        """In ascending order."""
        for at, byte in enumerate(self._bits):
            if byte:
                yield from (8 * at + bit for bit in range(8) if byte & 1 << bit)

    @property
    def end(self) -> int:
        """One more than the largest; 0 for none."""
        return 8 * (len(self._bits) - 1) + self._bits[-1].bit_length() if self._bits else 0
