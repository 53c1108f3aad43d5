"""What the stages of an attempt work with; made once a process."""

from dataclasses import dataclass, field
from pathlib import Path

from db.engine import Sessions
from pipeline.account import Ledger
from pipeline.canary import IsAway
from pipeline.costs import CostBook
from pipeline.embed.batcher import Batcher
from pipeline.embed.model import EmbeddingModel
from pipeline.errors import Dependency
from pipeline.images.client import ImageEmbedder
from pipeline.parse.pool import ParserPool
from pipeline.policy import Policy
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from pipeline.ticks import NoTicks, Ticks


async def answers(_: Dependency) -> bool:
    """Where there is no canary nothing is thought away beforehand."""
    return False


@dataclass(frozen=True, slots=True)
class Tools:
    sessions: Sessions
    objects: ObjectStore
    vectors: VectorStore
    batcher: Batcher
    model: EmbeddingModel
    parsers: ParserPool
    ledger: Ledger
    policy: Policy
    scratch: Path
    is_away: IsAway = answers
    images: ImageEmbedder | None = None
    ticks: Ticks = field(default_factory=NoTicks)
    costs: CostBook = field(default_factory=CostBook)
