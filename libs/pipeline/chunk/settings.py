"""What a dataset may choose about its chunks."""

from dataclasses import dataclass

SIZE_MIN = 100  # below this a chunk says too little to be found by its meaning
# A chunk is stored in a field of 60,000 bytes, and a character needs up to four; embedding models
# read some 8,000 tokens, and in some scripts a character is a token.
SIZE_MAX = 8_000


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Sizes count characters (code points). Part of the pipeline fingerprint.

    Raises ValueError for a size or an overlap outside its range.
    """

    strategy: str = "recursive"
    size: int = 1_000
    overlap: int = 200

    def __post_init__(self) -> None:
        if not SIZE_MIN <= self.size <= SIZE_MAX:
            raise ValueError(f"a chunk size is between {SIZE_MIN} and {SIZE_MAX} characters")
        if not 0 <= self.overlap < self.size:
            raise ValueError("an overlap is at least 0 and less than the chunk size")
