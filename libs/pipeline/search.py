"""A question to a dataset: by meaning, by words, or both, and only what is live is shown.

The index holds rows of generations that are being built, were replaced or were deleted. So every
row is checked against Postgres, more rows are fetched until enough have passed, and ranks are
fused only then: a list full of dead rows must not push the living ones down.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

import structlog

from db.engine import Sessions
from db.repositories.documents import DocumentRepository
from pipeline.analysis import analyse
from pipeline.embed.client import Embedder
from pipeline.embed.errors import EmbedderError, EmbeddingInputRejected
from pipeline.embed.tokens import count_tokens
from pipeline.errors import Dependency, DependencyError
from pipeline.filters import Filter
from pipeline.fusion import RankedList, dense_weight, fuse
from pipeline.store.rows import ScoredRow, StoredRow
from pipeline.store.vectors import VectorStore

log = structlog.get_logger()

FETCH_MIN = 50  # of one round; also how deep lists are that get fused
# Each round fetches twice as many rows as the one before: 1,500 for ten hits, 6,000 for a hundred.
ROUNDS_MAX = 5

Fetch = Callable[[int, int], Awaitable[list[ScoredRow]]]  # limit, offset


class Mode(StrEnum):
    HYBRID = "hybrid"
    DENSE = "dense"
    KEYWORD = "keyword"


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
    """What is asked, of which dataset; `space` is the embedding space that the dataset searches."""

    tenant_id: UUID
    dataset_id: UUID
    space: str
    query: str
    limit: int
    mode: Mode = Mode.HYBRID
    where: Filter = field(default_factory=Filter)


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that search shows. Scores of one answer compare; those of two modes do not."""

    row: StoredRow
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """Hits, best first. `tokens` were embedded for the query; `degraded` says, for people, why a
    hybrid search went by words alone."""

    hits: list[Hit]
    tokens: int = 0
    degraded: str | None = None


@dataclass(slots=True)
class _Source:
    """One ranked list, read as deep as it takes."""

    fetch: Fetch
    weight: float = 1.0
    rows: list[ScoredRow] = field(default_factory=list)
    exhausted: bool = False


class Searcher:
    """Safe for concurrent use. `languages` are the embedding model's, `*` for all."""

    def __init__(
        self,
        sessions: Sessions,
        vectors: VectorStore,
        embedder: Embedder,
        *,
        languages: Sequence[str],
    ) -> None:
        self._sessions = sessions
        self._vectors = vectors
        self._embedder = embedder
        self._languages = languages

    async def search(self, question: Question) -> Answer:
        """Up to `limit` hits of live rows.

        Raises:
            DependencyError: the vector store or, in the dense mode, the embedder is unavailable.
            EmbeddingInputRejected: in the dense mode, the embedder does not take this query.
        """
        vector: Sequence[float] | None = None
        degraded: str | None = None
        if question.mode is not Mode.KEYWORD:
            try:
                vector = await self._embed(question)
            except (EmbedderError, EmbeddingInputRejected, ForeignSpace) as error:
                if question.mode is Mode.DENSE:
                    raise
                degraded = f"Found by keywords alone: {error.message}"
                log.warning("search.degraded", error_code=error.code)
        sources = self._sources(question, vector)
        live = await self._live_rows(question, sources)
        return Answer(
            _ranked(question, sources, live),
            tokens=0 if vector is None else await self._tokens(question.query),
            degraded=degraded,
        )

    async def _embed(self, question: Question) -> Sequence[float]:
        if question.space != self._embedder.model.space:
            raise ForeignSpace
        return await self._embedder.embed_query(question.query)

    async def _tokens(self, query: str) -> int:
        prefixed = self._embedder.model.query_prefix + query
        return await asyncio.to_thread(count_tokens, prefixed)

    def _sources(self, question: Question, vector: Sequence[float] | None) -> list[_Source]:
        tenant, datasets = str(question.tenant_id), [str(question.dataset_id)]
        sources: list[_Source] = []
        if vector is not None:
            found_vector = vector

            async def by_meaning(limit: int, offset: int) -> list[ScoredRow]:
                return await self._vectors.search_dense(
                    question.space,
                    tenant=tenant,
                    datasets=datasets,
                    vector=found_vector,
                    limit=limit,
                    offset=offset,
                    where=question.where,
                )

            sources.append(_Source(by_meaning, dense_weight(question.query, self._languages)))
        if question.mode is not Mode.DENSE:
            tokens = analyse(question.query)

            async def by_words(limit: int, offset: int) -> list[ScoredRow]:
                return await self._vectors.search_keyword(
                    question.space,
                    tenant=tenant,
                    datasets=datasets,
                    query_tokens=tokens,
                    limit=limit,
                    offset=offset,
                    where=question.where,
                )

            sources.append(_Source(by_words))
        return sources

    async def _live_rows(self, question: Question, sources: list[_Source]) -> dict[UUID, int]:
        """Fill the sources with enough live rows; returns each document's live generation.

        A document that switched while its rows were being fetched may have shown only old rows,
        none of which is live any more. Then the fetch is made once more from the start, with the
        generations read before it: those rows are all there.
        """
        live: dict[UUID, int] = {}
        for _ in range(2):
            live = await self._fill(question, sources, live)
            if not _has_unseen_switch(sources, live):
                break
            for source in sources:
                source.rows, source.exhausted = [], False
        return live

    async def _fill(
        self, question: Question, sources: list[_Source], live: dict[UUID, int]
    ) -> dict[UUID, int]:
        wanted = question.limit if len(sources) == 1 else max(question.limit, FETCH_MIN)
        size = max(FETCH_MIN, 2 * question.limit)
        for _ in range(ROUNDS_MAX):
            open_sources = [source for source in sources if not _is_full(source, live, wanted)]
            if not open_sources:
                break
            await asyncio.gather(*(_read(source, size) for source in open_sources))
            unknown = {
                UUID(scored.row.document) for source in sources for scored in source.rows
            } - live.keys()
            if unknown:
                async with self._sessions() as session:
                    found = await DocumentRepository(session).live_generations(
                        unknown, dataset_id=question.dataset_id
                    )
                live |= {document_id: found.get(document_id, 0) for document_id in unknown}
            size *= 2
        return live


async def _read(source: _Source, size: int) -> None:
    rows = await source.fetch(size, len(source.rows))
    source.rows += rows
    source.exhausted = len(rows) < size


def _is_live(row: StoredRow, live: dict[UUID, int]) -> bool:
    return live.get(UUID(row.document)) == row.generation


def _is_full(source: _Source, live: dict[UUID, int], wanted: int) -> bool:
    if source.exhausted:
        return True
    return sum(_is_live(scored.row, live) for scored in source.rows) >= wanted


def _has_unseen_switch(sources: list[_Source], live: dict[UUID, int]) -> bool:
    """Whether a document shows rows that were replaced and none of those that replaced them."""
    generations: dict[UUID, set[int]] = {}
    for source in sources:
        for scored in source.rows:
            generations.setdefault(UUID(scored.row.document), set()).add(scored.row.generation)
    return any(live.get(document_id, 0) > max(seen) for document_id, seen in generations.items())


def _ranked(question: Question, sources: list[_Source], live: dict[UUID, int]) -> list[Hit]:
    lists = [[scored for scored in source.rows if _is_live(scored.row, live)] for source in sources]
    if len(lists) == 1:
        return [Hit(scored.row, scored.score) for scored in lists[0][: question.limit]]
    rows = {scored.row.id: scored.row for scored_rows in lists for scored in scored_rows}
    fused = fuse(
        [
            RankedList([scored.row.id for scored in scored_rows], source.weight)
            for scored_rows, source in zip(lists, sources, strict=True)
        ]
    )
    return [Hit(rows[row_id], score) for row_id, score in fused[: question.limit]]
