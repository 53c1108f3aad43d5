"""Vectors that a tenant has already paid for, wherever the text stands.

The vectors are in the index; Postgres knows by a text's hash where. What it says is a hint, looked
up for a whole batch at once: if the row has gone since, the text is simply embedded.
"""

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.errors import is_away
from db.repositories.embedded_texts import EmbeddedTextRepository, Place
from pipeline.embed.tokens import count_tokens
from pipeline.store.rows import row_id
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
        self._lone: set[str] = set()  # texts found at one place only

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
        self._lone |= {keys[key] for key, known in places.items() if len(known) == 1}
        wanted = {_row_id(place): keys[key] for key, known in places.items() for place in known}
        return await self._vectors.vectors_of_rows(
            self._space,
            wanted,
            tenant=str(self._tenant),
            datasets=sorted({str(each.dataset_id) for known in places.values() for each in known}),
        )

    async def note(self, places: Mapping[str, Place]) -> None:
        """Texts, by content hash, are stored now. Never an error: what is not noted is paid for
        again at most."""
        if not places:
            return
        try:
            async with self._sessions.begin() as session:
                await EmbeddedTextRepository(session).note(self._by_key(places))
        except (SQLAlchemyError, OSError) as error:
            _bear(error, "reuse.note_failed")

    async def note_copies(self, places: Mapping[str, Place]) -> None:
        """Texts that were found elsewhere are stored here too. A second place is enough."""
        lone = {text: place for text, place in places.items() if text in self._lone}
        self._lone -= lone.keys()
        if not lone:
            return
        try:
            async with self._sessions.begin() as session:
                await EmbeddedTextRepository(session).note_copies(self._by_key(lone))
        except (SQLAlchemyError, OSError) as error:
            _bear(error, "reuse.note_failed")

    def _by_key(self, places: Mapping[str, Place]) -> dict[UUID, Place]:
        return {self._key(text): place for text, place in places.items()}

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
