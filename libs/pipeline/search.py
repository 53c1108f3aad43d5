"""A question to datasets: by meaning, by words, or both, and only what is live is shown."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from db.engine import Sessions
from db.repositories.searching import SearchedDataset, SearchRepository
from pipeline.analysis import analyse_query
from pipeline.candidates import Candidate, Lists, rank, rank_over_spaces
from pipeline.embed.client import Embedder, QueryCost
from pipeline.embed.errors import EmbedderError, EmbeddingInputRejected
from pipeline.embed.tokens import count_tokens
from pipeline.filter_values import Operator
from pipeline.filters import FIELDS, Condition
from pipeline.fusion import FUSED_DEPTH, dense_share
from pipeline.images.client import ImageEmbedder
from pipeline.images.errors import ImageRefused
from pipeline.live_lists import Fetch, live_lists
from pipeline.passages import Passages
from pipeline.questions import (
    WINDOW,
    Answer,
    Caveat,
    ForeignSpace,
    ImageSearchNotConfigured,
    Mode,
    Question,
)
from pipeline.rerank import Reranker, RerankFailed
from pipeline.store.rows import FoundRow
from pipeline.store.vector_errors import VectorStoreMisconfigured
from pipeline.store.vectors import VectorStore

log = structlog.get_logger()

DATASETS_MAX = 1_000  # of one search: an expression of some 40 KB
# Documents that a filter may leave to be named in the expression, 80 KB. Of more, rows are read
# and the others passed over.
NAMED_DOCUMENTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class _Space:
    """The datasets of a question that share an embedding space, and the query's vector there."""

    name: str
    datasets: tuple[SearchedDataset, ...]
    vector: Sequence[float] | None

    @property
    def dataset_ids(self) -> list[UUID]:
        return [dataset.id for dataset in self.datasets]

    @property
    def languages(self) -> set[str]:
        return {language for dataset in self.datasets for language in dataset.languages}


class Searcher:
    """Safe for concurrent use. `languages` are the embedding model's, `*` for all."""

    def __init__(
        self,
        sessions: Sessions,
        vectors: VectorStore,
        embedder: Embedder,
        *,
        languages: Sequence[str],
        reranker: Reranker | None = None,
        images: ImageEmbedder | None = None,
        named_documents_max: int = NAMED_DOCUMENTS_MAX,
    ) -> None:
        self._sessions = sessions
        self._vectors = vectors
        self._embedder = embedder
        self._languages = languages
        self._reranker = reranker
        self._images = images
        self._named_documents_max = named_documents_max
        self._passages = Passages(sessions, vectors)

    async def search(self, question: Question, cost: QueryCost | None = None) -> Answer:
        """Up to `limit` hits of live rows from `offset` on. What its query has cost is added to
        `cost`, also if the search fails afterwards.

        Raises:
            DatasetNotFound: the tenant has no such dataset.
            DependencyError: the vector store or, in the dense mode, the embedder is unavailable,
                or not what the datasets were made with.
            EmbeddingInputRejected: in the modes dense and image, the embedder does not take this
                query.
            ImageSearchNotConfigured: the image mode without an image endpoint.
        """
        by_image = question.mode is Mode.IMAGE
        if by_image and self._images is None:
            raise ImageSearchNotConfigured
        async with self._sessions() as session:
            datasets = await SearchRepository(session, question.tenant_id).datasets(
                question.dataset_ids, limit=DATASETS_MAX
            )
        narrowed = await self._narrowed(question, [dataset.id for dataset in datasets])
        if narrowed is None:
            return Answer([])
        caveats: dict[Caveat, str] = {}
        look = self._image_space if by_image else self._spaces
        spaces = await look(question, datasets, caveats, cost)
        ranked = await self._ranked(narrowed, spaces, caveats)
        ranked = await self._reranked(narrowed, ranked, caveats)
        if question.one_per_document:
            best: dict[str, Candidate] = {}
            for each in ranked:
                best.setdefault(each.row.document, each)
            ranked = list(best.values())
        page = ranked[question.offset : question.offset + question.limit]
        return Answer(
            hits=await self._passages.show(
                page,
                tenant_id=question.tenant_id,
                query_tokens={space.name: _words(question, space) for space in spaces},
                neighbours=0 if by_image else question.neighbours,
            ),
            more=question.offset + question.limit < min(len(ranked), WINDOW),
            caveats=caveats,
        )

    async def _spaces(
        self,
        question: Question,
        datasets: list[SearchedDataset],
        caveats: dict[Caveat, str],
        cost: QueryCost | None,
    ) -> list[_Space]:
        """The spaces to look in; the one that the model in use makes comes with a vector."""
        names = list(dict.fromkeys(dataset.space for dataset in datasets))
        vector: Sequence[float] | None = None
        if question.mode is not Mode.KEYWORD and question.dense_share != 0 and names:
            own = self._embedder.model.space
            try:
                if own in names:
                    vector = await self._embedder.embed_query(question.query, cost)
                if names != [own]:
                    raise ForeignSpace
            except (EmbedderError, EmbeddingInputRejected, ForeignSpace) as error:
                if question.mode is Mode.DENSE:
                    raise
                where = "Found" if vector is None else "In some of the datasets found"
                caveats[Caveat.KEYWORDS_ONLY] = f"{where} by keywords alone: {error.message}"
                log.warning("search.degraded", error_code=error.code)
        return [
            _Space(
                name,
                tuple(dataset for dataset in datasets if dataset.space == name),
                vector if name == self._embedder.model.space else None,
            )
            for name in names
        ]

    async def _image_space(
        self,
        question: Question,
        datasets: list[SearchedDataset],
        caveats: dict[Caveat, str],
        cost: QueryCost | None,
    ) -> list[_Space]:
        """One space for all datasets: that of the image model in use."""
        if self._images is None:
            raise ImageSearchNotConfigured
        space = self._images.model.space
        content = question.query if question.image is None else question.image
        try:
            answered = await self._images.embed_query(content)
        except ImageRefused as refused:
            raise EmbeddingInputRejected(0) from refused
        if cost is not None:
            # A picture counts only if the endpoint says how much.
            counted = (
                0 if answered.tokens else await asyncio.to_thread(count_tokens, question.query)
            )
            cost.tokens += answered.tokens or counted
            cost.tokens_counted += counted
        async with self._sessions() as session:
            missing = await SearchRepository(session, question.tenant_id).any_without_images(
                [dataset.id for dataset in datasets], space
            )
        if missing:
            caveats[Caveat.IMAGES_MISSING] = (
                "Some documents were indexed before this image endpoint was configured; their "
                "images are found once a job was triggered for them (POST /jobs)."
            )
        return [_Space(space, tuple(datasets), answered.vectors[0])]

    async def _narrowed(self, question: Question, dataset_ids: list[UUID]) -> Question | None:
        """The question with the documents that its filter leaves, if they are few; None if there
        are none, or nothing to look in."""
        if not dataset_ids:
            return None
        where = question.where
        if not where.documents:
            return question
        async with self._sessions() as session:
            left = await SearchRepository(session, question.tenant_id).matching(
                datasets=dataset_ids,
                where=where.documents,
                limit=self._named_documents_max + 1,
            )
        if not left:
            return None
        if len(left) > self._named_documents_max:
            return question
        named = Condition(FIELDS["document_id"], Operator.IN, tuple(str(each) for each in left))
        return replace(question, where=replace(where, conditions=(*where.conditions, named)))

    async def _ranked(
        self, question: Question, spaces: list[_Space], caveats: dict[Caveat, str]
    ) -> list[Candidate]:
        """All candidates that matter for the page, best first."""
        wanted = max(FUSED_DEPTH, question.offset + question.limit + 1)
        while True:
            lists = await asyncio.gather(
                *(self._lists(question, space, wanted) for space in spaces)
            )
            ranked = rank_over_spaces([rank(each) for each in lists])
            if question.score_min is not None:
                ranked = [each for each in ranked if each.score >= question.score_min]
            enough = not question.one_per_document or len(
                {each.row.document for each in ranked}
            ) > (question.offset + question.limit)
            if enough or wanted >= WINDOW or all(each.is_whole(wanted) for each in lists):
                break
            wanted = WINDOW
        if not all(each.complete for each in lists):
            caveats[Caveat.NOT_ALL_SEEN] = (
                "Too few of the nearest passages pass the filter; others that do may be farther "
                "off than was looked."
            )
        return ranked

    async def _lists(self, question: Question, space: _Space, wanted: int) -> Lists:
        """The two lists of a space, or the one that the mode or an outage leaves."""
        by_meaning = self._by_meaning(question, space)
        by_words = self._by_words(question, space)
        both = [each for each in (by_meaning, by_words) if each is not None]

        async def liveness(documents: Collection[UUID]) -> dict[UUID, int]:
            async with self._sessions() as session:
                return await SearchRepository(session, question.tenant_id).live_generations(
                    documents, datasets=space.dataset_ids, where=question.where.documents
                )

        found = iter(await live_lists(both, liveness, wanted=wanted))
        lists = Lists(
            space=space.name,
            dense=next(found) if by_meaning else None,
            keyword=next(found) if by_words else None,
            dense_share=self._dense_share(question, space),
        )
        if lists.is_empty:
            await self._check_emptiness(question, space)
        return lists

    def _dense_share(self, question: Question, space: _Space) -> float | None:
        """What meaning counts; None where there is but one list, whose own scores are shown."""
        if question.mode is not Mode.HYBRID:
            return None
        if space.vector is None:
            return 0.0
        if question.dense_share is not None:
            return question.dense_share
        return dense_share(
            question.query, model_languages=self._languages, dataset_languages=space.languages
        )

    def _by_meaning(self, question: Question, space: _Space) -> Fetch | None:
        vector = space.vector
        if vector is None:
            return None

        async def fetch(limit: int, offset: int) -> list[FoundRow]:
            return await self._vectors.search_dense(
                space.name,
                tenant=str(question.tenant_id),
                datasets=[str(each) for each in space.dataset_ids],
                vector=vector,
                limit=limit,
                offset=offset,
                where=question.where,
            )

        return fetch

    def _by_words(self, question: Question, space: _Space) -> Fetch | None:
        if question.mode in (Mode.DENSE, Mode.IMAGE):
            return None
        if question.dense_share == 1 and space.vector is not None:
            return None
        tokens = _words(question, space)

        async def fetch(limit: int, offset: int) -> list[FoundRow]:
            return await self._vectors.search_keyword(
                space.name,
                tenant=str(question.tenant_id),
                datasets=[str(each) for each in space.dataset_ids],
                query_tokens=tokens,
                limit=limit,
                offset=offset,
                where=question.where,
            )

        return fetch

    async def _check_emptiness(self, question: Question, space: _Space) -> None:
        """A collection that has gone reads as empty, and is not to pass for it."""
        async with self._sessions() as session:
            tables = SearchRepository(session, question.tenant_id)
            if question.mode is Mode.IMAGE:
                expected = await tables.any_images(space.dataset_ids, space.name)
            else:
                expected = await tables.any_searchable(space.dataset_ids)
        if expected and not await self._vectors.exists(space.name):
            raise VectorStoreMisconfigured(
                "the collection that holds the vectors of this dataset has gone"
            )

    async def _reranked(
        self, question: Question, ranked: list[Candidate], caveats: dict[Caveat, str]
    ) -> list[Candidate]:
        """The first of the candidates in the reranker's order, and the others behind them."""
        reranker = None if question.mode is Mode.IMAGE else self._reranker
        if reranker is None or not question.rerank or question.offset >= reranker.depth:
            return ranked
        first = ranked[: reranker.depth]
        rows = await self._passages.rows(first)
        first = [each for each in first if each.row.id in rows]
        if not first:
            return ranked
        texts = [rows[each.row.id].with_context for each in first]
        try:
            scores = await reranker.scores(question.query, texts)
        except RerankFailed as failure:
            caveats[Caveat.NOT_RERANKED] = f"Not reranked: {failure}."
            log.warning("search.not_reranked", error=str(failure))
            return ranked
        judged = [replace(each, rerank=score) for each, score in zip(first, scores, strict=True)]
        judged.sort(key=lambda each: (-(each.rerank or 0.0), each.row.id))
        return judged + ranked[reranker.depth :]


def _words(question: Question, space: _Space) -> str:
    return analyse_query(question.query, space.languages)
