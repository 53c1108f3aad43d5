"""From ranked rows to what is shown of them: text, place, neighbours, matched words, document."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from db.engine import Sessions
from db.repositories.searching import FoundDocument, SearchRepository
from pipeline.analysis import DEFAULT_LANGUAGE, matches
from pipeline.candidates import Candidate
from pipeline.languages import language_of
from pipeline.store.rows import StoredRow, row_id
from pipeline.store.vectors import VectorStore

HIGHLIGHTS_MAX = 100  # of one passage: a word on every line is no highlight


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit. `highlights` are ranges of characters of the text in which words of the query stand;
    `before` and `after` are its neighbours in the same version of the document, in their order."""

    row: StoredRow
    candidate: Candidate
    document: FoundDocument
    highlights: list[tuple[int, int]]
    before: list[StoredRow]
    after: list[StoredRow]


class Passages:
    """Reads rows for candidates. Raises DependencyError when the vector store is away."""

    def __init__(self, sessions: Sessions, vectors: VectorStore) -> None:
        self._sessions = sessions
        self._vectors = vectors

    async def rows(self, candidates: Sequence[Candidate]) -> dict[str, StoredRow]:
        """The stored rows by id; one that was purged since it was found is missing."""
        return await self._fetch([(each.space, each.row.id) for each in candidates])

    async def show(
        self,
        candidates: Sequence[Candidate],
        *,
        tenant_id: UUID,
        query_tokens: Mapping[str, str],
        neighbours: int,
    ) -> list[Passage]:
        """The candidates as hits. `query_tokens` by space, as words were looked for in it."""
        if not candidates:
            return []
        rows = await self._fetch(
            [(each.space, key) for each in candidates for key in _around(each, neighbours)]
        )
        async with self._sessions() as session:
            documents = await SearchRepository(session, tenant_id).found(
                {UUID(each.row.document) for each in candidates}
            )
        tokens = {space: set(found.split()) for space, found in query_tokens.items()}

        def shown() -> list[Passage]:
            return [
                _passage(
                    each,
                    rows,
                    documents[UUID(each.row.document)],
                    tokens[each.space],
                    neighbours,
                )
                for each in candidates
                if each.row.id in rows and UUID(each.row.document) in documents
            ]

        return await asyncio.to_thread(shown)  # analysing pages of text takes milliseconds

    async def _fetch(self, keys: Sequence[tuple[str, str]]) -> dict[str, StoredRow]:
        by_space: dict[str, list[str]] = {}
        for space, key in dict.fromkeys(keys):
            by_space.setdefault(space, []).append(key)
        found = await asyncio.gather(
            *(self._vectors.fetch(space, ids) for space, ids in by_space.items())
        )
        return {row.id: row for rows in found for row in rows}


def _around(candidate: Candidate, neighbours: int) -> list[str]:
    """The ids of a row and its neighbours; those beyond the document's ends name nothing."""
    row = candidate.row
    return [
        row_id(row.document, row.generation, ordinal)
        for ordinal in range(max(0, row.ordinal - neighbours), row.ordinal + neighbours + 1)
    ]


def _passage(
    candidate: Candidate,
    rows: Mapping[str, StoredRow],
    document: FoundDocument,
    tokens: set[str],
    neighbours: int,
) -> Passage:
    row, found = rows[candidate.row.id], candidate.row
    near = [rows[key] for key in _around(candidate, neighbours) if key in rows]
    language = language_of(row.with_context) or DEFAULT_LANGUAGE
    return Passage(
        row=row,
        candidate=candidate,
        document=document,
        highlights=matches(row.text, tokens, language=language)[:HIGHLIGHTS_MAX],
        before=[other for other in near if other.ordinal < found.ordinal],
        after=[other for other in near if other.ordinal > found.ordinal],
    )
