"""From blocks to chunks: strategies by name, all streaming, all with exact offsets."""

from pipeline.chunk.registry import CHUNKER_VERSION, Chunker, chunker_for
from pipeline.chunk.settings import ChunkSettings
from pipeline.chunk.stream import ChunkStream

__all__ = ["CHUNKER_VERSION", "ChunkSettings", "ChunkStream", "Chunker", "chunker_for"]
