"""What a dataset may choose about its chunks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The lengths that a strategy takes, and those that it has where nobody chose."""

    unit: str
    least: int
    most: int
    size: int
    overlap: int


# Below 100 characters a chunk says too little to be found by its meaning. A chunk is stored in a
# field of 65,535 bytes, and a character needs up to four; embedding models read some 8,000 tokens,
# and in some scripts a character is a token.
CHARACTERS = Sizes("characters", least=100, most=8_000, size=1_000, overlap=200)
# Below 32 tokens what reads as one character might not fit: a family of four is eighteen.
TOKENS = Sizes("tokens", least=32, most=2_000, size=512, overlap=64)

# Of the strategies that do not count characters, or would rather have another default.
SIZES = {
    "token": TOKENS,
    # What is said before the subject changed helps nobody to find what is said after.
    "semantic": Sizes("characters", least=100, most=8_000, size=1_000, overlap=0),
}


def sizes_of(strategy: str) -> Sizes:
    return SIZES.get(strategy, CHARACTERS)


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """Part of the pipeline fingerprint. What a strategy counts in, `sizes_of` says.

    With `heading_prefix` a chunk is embedded, and found by keyword, with the headings above it.
    Raises ValueError for a size or an overlap outside its range.
    """

    strategy: str = "recursive"
    size: int = CHARACTERS.size
    overlap: int = CHARACTERS.overlap
    heading_prefix: bool = False

    def __post_init__(self) -> None:
        sizes = sizes_of(self.strategy)
        if not sizes.least <= self.size <= sizes.most:
            raise ValueError(f"a chunk size is between {sizes.least} and {sizes.most} {sizes.unit}")
        if not 0 <= self.overlap < self.size:
            raise ValueError("an overlap is at least 0 and less than the chunk size")
