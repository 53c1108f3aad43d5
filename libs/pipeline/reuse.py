"""Vectors that a tenant has already paid for, wherever the text stands.

The vectors are in the index; Postgres knows by a text's hash where. What it says is a hint, looked
up for a whole batch at once: if the row has gone since, the text is simply embedded.
"""

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.errors import is_away
from db.repositories.embedded_texts import EmbeddedTextRepository, Place
from pipeline.embed.tokens import count_tokens
from pipeline.store.rows import Row, row_id
from pipeline.store.vectors import VectorStore

log = structlog.get_logger(__name__)

KEY_BYTES = 16
# So many texts of a batch are counted to tell what all of them would have cost: counting takes as
# long as half of what is left to do with a chunk that needs no embedding.
COUNTED_TEXTS = 8


class Reuse:
    """For one tenant and one embedding space."""

    def __init__(
        self, sessions: Sessions, vectors: VectorStore, *, tenant: UUID, space: str
    ) -> None:
        self._sessions = sessions
        self._vectors = vectors
        self._tenant = tenant
        self._space = space

    async def find(self, hashes: Sequence[str]) -> dict[str, list[float]]:
        """The vectors of the texts with these content hashes, as far as there are any.

        Raises DependencyError when the vector store is away. Without Postgres there are none.
        """
        keys = {self._key(each): each for each in hashes}
        try:
            async with self._sessions() as session:
                places = await EmbeddedTextRepository(session).find(list(keys))
        except (SQLAlchemyError, OSError) as error:
            _bear(error, "reuse.lookup_failed")
            return {}
        if not places:
            return {}
        wanted = {_row_id(place): keys[key] for key, place in places.items()}
        return await self._vectors.vectors_of_rows(
            self._space,
            wanted,
            tenant=str(self._tenant),
            datasets=sorted({str(place.dataset_id) for place in places.values()}),
        )

    async def note(self, rows: Iterable[Row]) -> None:
        """These are stored now. Never an error: what is not noted is paid for again at most."""
        places = {
            self._key(row.content_hash): Place(
                UUID(row.dataset), UUID(row.document), row.generation, row.ordinal
            )
            for row in rows
        }
        try:
            async with self._sessions.begin() as session:
                await EmbeddedTextRepository(session).note(places)
        except (SQLAlchemyError, OSError) as error:
            _bear(error, "reuse.note_failed")

    def _key(self, content_hash: str) -> UUID:
        named = self._tenant.bytes + f"{self._space}:{content_hash}".encode()
        return UUID(bytes=hashlib.sha256(named).digest()[:KEY_BYTES])


def estimated_tokens(texts: Sequence[str]) -> int:
    """About how many cl100k tokens these have: exact for a few, by a sample for many."""
    sample = texts[:: max(1, len(texts) // COUNTED_TEXTS)]
    counted = sum(count_tokens(text) for text in sample)
    characters = sum(len(text) for text in sample)
    return counted * sum(len(text) for text in texts) // max(characters, 1)


def _row_id(place: Place) -> str:
    return row_id(str(place.document_id), place.generation, place.ordinal)


def _bear(error: Exception, event: str) -> None:
    if not is_away(error):
        raise error
    log.warning(event, error=type(error).__name__)
