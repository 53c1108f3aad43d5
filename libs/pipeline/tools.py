"""What the stages of an attempt work with; made once a process."""

from dataclasses import dataclass
from pathlib import Path

from db.engine import Sessions
from pipeline.embed.batcher import Batcher
from pipeline.embed.model import EmbeddingModel
from pipeline.parse.pool import ParserPool
from pipeline.policy import Policy
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore


@dataclass(frozen=True, slots=True)
class Tools:
    sessions: Sessions
    objects: ObjectStore
    vectors: VectorStore
    batcher: Batcher
    model: EmbeddingModel
    parsers: ParserPool
    policy: Policy
    scratch: Path
