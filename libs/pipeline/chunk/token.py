"""As the default strategy, with a size and an overlap in tokens of cl100k.

Where to cut is found by a ruler that counts nearly right and locally; then every chunk is counted
exactly, and one that is longer after all repeats less of the chunk before it, or is parted.
"""

from dataclasses import replace

from pipeline.chunk.fitting import Limits
from pipeline.chunk.recursive import RecursiveChunker
from pipeline.chunk.rulers import Tokens
from pipeline.chunk.settings import ChunkSettings


class TokenChunker(RecursiveChunker):
    ruler = Tokens

    def __init__(self, settings: ChunkSettings, limits: Limits) -> None:
        super().__init__(settings, replace(limits, own_tokens=settings.size))
