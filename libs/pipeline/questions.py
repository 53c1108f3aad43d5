"""What a search can be asked, and what it answers."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from pipeline.errors import Dependency, DependencyError
from pipeline.filters import Filter
from pipeline.passages import Passage

WINDOW = 1_000  # hits that pages reach: beyond, nobody reads and every page costs more


class Mode(StrEnum):
    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"
    IMAGE = "image"  # among pictures, by a text or by a picture


class Caveat(StrEnum):
    """What was amiss with an answer that was given all the same; the codes are public."""

    KEYWORDS_ONLY = "keywords_only"
    NOT_RERANKED = "not_reranked"
    NOT_ALL_SEEN = "not_all_seen"
    IMAGES_MISSING = "images_missing"


class ImageSearchNotConfigured(Exception):
    """There is no endpoint for images, so they have no vectors."""

    def __init__(self) -> None:
        super().__init__(
            "No image endpoint is configured (SLUICE_IMAGE_EMBEDDING_URL), so images are found by "
            "their text alone: recognised words and captions, in the other modes."
        )


class ForeignSpace(DependencyError):
    """The dataset's vectors are of another embedding model than the one that is configured."""

    code = "embedding_space_unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The dataset was embedded by another model than the one in use.",
            dependency=Dependency.EMBEDDER,
        )


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `dataset_ids` None: of all of the tenant's datasets.

    `dense_share` is what meaning counts in a hybrid search, of 1; None: as the language of the
    query demands. Hits below `score_min` are left out; what a score is depends on the mode.
    `one_per_document` keeps each document's best hit. `rerank` asks for it where it is configured.
    In the image mode `image`, a PNG, JPEG or WebP, may take the place of the query; words, weights,
    neighbours and reranking have no part in it.
    """

    tenant_id: UUID
    dataset_ids: tuple[UUID, ...] | None
    query: str
    limit: int
    offset: int = 0
    mode: Mode = Mode.HYBRID
    where: Filter = field(default_factory=Filter)
    dense_share: float | None = None
    score_min: float | None = None
    one_per_document: bool = False
    neighbours: int = 0
    rerank: bool = True
    image: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first. `caveats` are for people too: code and sentence. `more`: there is a page
    behind this one."""

    hits: list[Passage]
    more: bool = False
    caveats: dict[Caveat, str] = field(default_factory=dict)
