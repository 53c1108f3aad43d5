"""From blocks to chunks: strategies by name, all streaming, all with exact offsets."""

from pipeline.chunk.registry import CHUNKER_VERSION, Chunker, chunker_for
from pipeline.chunk.settings import ChunkSettings

__all__ = ["CHUNKER_VERSION", "ChunkSettings", "Chunker", "chunker_for"]
