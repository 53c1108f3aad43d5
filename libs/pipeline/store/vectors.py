"""The index: rows with vectors in Milvus, one collection per embedding space."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from pymilvus import AsyncMilvusClient

from pipeline.filters import one_of, quote
from pipeline.settings import VectorStoreSettings
from pipeline.store.collection import CUT, to_record
from pipeline.store.milvus import WRITE_TIMEOUT, MilvusConnection
from pipeline.store.rows import TEXT_BYTES_MAX, TOKENS_BYTES_MAX, Row
from pipeline.store.shared_writes import SharedWrites
from pipeline.store.vector_errors import RowRejected, VectorStoreMisconfigured
from pipeline.store.vector_reader import (
    HASHES_PER_QUERY,
    Consistency,
    VectorReader,
    document_clause,
    generation_clause,
)

__all__ = ["Consistency", "VectorStore"]

WRITE_SECONDS = WRITE_TIMEOUT.total_seconds()
# Reads and deletes of a process at once. A server takes few in parallel; whatever waits there runs
# into its time limit, and a server that is merely busy would pass for one that is away.
REQUESTS = 8


class VectorStore(VectorReader):
    """What the reader offers, and writing and deleting, on one connection."""

    def __init__(self, settings: VectorStoreSettings, connection: MilvusConnection) -> None:
        super().__init__(connection, settings.milvus_prefix)
        self._ensured: dict[str, int] = {}
        self._shared = SharedWrites(self._write)
        self._turn = asyncio.Semaphore(REQUESTS)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: VectorStoreSettings) -> AsyncIterator[Self]:
        """One for the life of a process and its event loop. Needs no server yet."""
        connection = MilvusConnection(settings)
        try:
            yield cls(settings, connection)
        finally:
            await connection.close()

    async def ensure(self, space: str, dimensions: int) -> None:
        """Make the space's collection exist. Safe to call at every start and concurrently.

        Raises VectorStoreMisconfigured if it exists with other dimensions.
        """
        if space not in self._ensured:
            name = self._name(space)
            # Always: it also mends a collection whose creator died halfway, and loads it.
            await self._connection.create(name, dimensions)
            self._ensured[space] = await self._connection.dimensions(name) or 0
        if self._ensured[space] != dimensions:
            raise VectorStoreMisconfigured(
                f"the space {space} has vectors of {self._ensured[space]} dimensions, "
                f"not {dimensions}"
            )

    async def write(self, space: str, rows: Sequence[Row]) -> None:
        """Write rows, replacing those of the same id; all of them, or an error.

        After an error any part may have been written; writing again mends it. Raises RowRejected
        for a row that can never be stored.
        """
        for row in rows:
            if len(row.text.encode()) > TEXT_BYTES_MAX or len(row.tokens) > TOKENS_BYTES_MAX:
                raise RowRejected(f"chunk {row.ordinal} is longer than a row can hold")
        if not rows:
            return
        await self._shared.write(space, rows)

    async def vectors_of_rows(
        self, space: str, hashes: Mapping[str, str], *, tenant: str, datasets: Sequence[str]
    ) -> dict[str, list[float]]:
        """The vectors of rows by content hash. `hashes`: what each id is expected to be of; a row
        that has gone, is of another text or another tenant's, or has the vector of the text's
        beginning only, is left out.
        """
        ids = list(hashes)
        scope = f"tenant == {quote(tenant)} and {one_of('dataset', datasets)}"
        found: dict[str, list[float]] = {}
        for start in range(0, len(ids), HASHES_PER_QUERY):
            some = ids[start : start + HASHES_PER_QUERY]
            records = await self._query(
                space,
                f"{scope} and {one_of('id', some)}",
                ["id", "content_hash", "dense", "metadata"],
                limit=len(some),
            )
            for record in records:
                is_cut = bool((record["metadata"] or {}).get(CUT))
                if hashes[record["id"]] == record["content_hash"] and not is_cut:
                    found[record["content_hash"]] = [float(value) for value in record["dense"]]
        return found

    async def delete_generations(
        self, space: str, *, dataset: str, document: str, below: int, above: int = -1
    ) -> None:
        """Remove a document's rows of every generation before `below` and after `above`."""
        await self._delete(
            space,
            f"{document_clause(dataset, document)}"
            f" and generation < {int(below)} and generation > {int(above)}",
        )

    async def delete_rows(
        self, space: str, *, dataset: str, document: str, generation: int, first: int
    ) -> None:
        """Remove the rows of a generation from the ordinal `first` on."""
        await self._delete(
            space,
            f"{generation_clause(dataset, document, generation)} and ordinal >= {int(first)}",
        )

    async def delete_document(self, space: str, *, dataset: str, document: str) -> None:
        """Remove all rows of a document."""
        await self._delete(space, document_clause(dataset, document))

    async def delete_dataset(self, space: str, *, dataset: str) -> None:
        """Remove all rows of a dataset."""
        await self._delete(space, f"dataset == {quote(dataset)}")

    async def _query(
        self, space: str, clause: str, fields: list[str], **options: object
    ) -> list[dict[str, Any]]:
        async with self._turn:
            return await super()._query(space, clause, fields, **options)

    async def _write(self, space: str, rows: list[Row]) -> None:
        await self.ensure(space, len(rows[0].dense))
        name = self._name(space)
        # One who lost its lease may write what its successor writes, at the same moment.
        unique = {row.id: row for row in rows}.values()
        records = await asyncio.to_thread(lambda: [to_record(row) for row in unique])
        written = await self._connection.call(
            "write", name, lambda client: client.upsert(name, records, timeout=WRITE_SECONDS)
        )
        if written is None:
            # Dropped behind our back: the next attempt creates it anew.
            self._ensured.pop(space, None)
            raise VectorStoreMisconfigured(f"the collection of space {space} has gone")

    async def _delete(self, space: str, clause: str) -> None:
        name = self._name(space)

        async def delete(client: AsyncMilvusClient) -> None:
            await client.delete(
                name,
                filter=clause,
                consistency_level=Consistency.STRONG.value,
                timeout=WRITE_SECONDS,
            )

        async with self._turn:
            await self._connection.call("delete", name, delete)
