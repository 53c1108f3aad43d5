"""What one parse may use. Each limit ends in a typed error, never in a worker that is gone."""

from dataclasses import dataclass

MIB = 1024 * 1024
GIB = 1024 * MIB


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
    # 5 GB of text is some 5 million chunks: far above what a dataset is made for.
    characters_max: int = 5_000_000_000
    # Of any one file that a parser writes.
    scratch_bytes: int = 256 * MIB
    # Of a file whose parser must hold all of it; its tree in memory is several times as large.
    whole_file_bytes: int = 256 * MIB
    # Of what an Office file or an e-book unpacks to.
    unpacked_bytes: int = 1 * GIB
