"""Reading the index: counts, what a retry finds, the audit's walk, and search.

What must see its own writes (counts, resuming, the audit) reads with Strong consistency. So does
a search unless told otherwise: a document switches to its new rows right after a Strong count, and
a bounded read could for some seconds miss rows that the switch has just made the only ones.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any

from pymilvus import AsyncMilvusClient

from pipeline.errors import DependencyError
from pipeline.filters import Filter, compile_filter, one_of, quote
from pipeline.store.collection import CUT, STORED_FIELDS, collection_name, from_record
from pipeline.store.milvus import READ_TIMEOUT, MilvusConnection
from pipeline.store.ordinals import Ordinals
from pipeline.store.rows import FoundRow, StoredGeneration, StoredRow, row_identity
from pipeline.store.vector_errors import RowRejected, VectorStoreMisconfigured

WINDOW = 16_384  # the most rows that Milvus returns of one query or search
HASHES_PER_QUERY = 200  # at 3,072 dimensions an answer of some 2.5 MB
ROWS_PER_HASH = 4  # repeats of a text that an answer has room for
IDS_PER_QUERY = 500
AUDIT_PAGE_ROWS = 8_192  # four short fields each: about a megabyte
FOUND_FIELDS = ["id", "document", "generation", "ordinal"]  # what ranking needs
READ_SECONDS = READ_TIMEOUT.total_seconds()


class Consistency(StrEnum):
    """How fresh a read is; BOUNDED may miss the writes of the last seconds but waits for none."""

    STRONG = "Strong"
    BOUNDED = "Bounded"


class VectorReader:
    """Every method raises DependencyError (VECTOR_STORE) when Milvus is away.

    A space that nothing was written to reads as empty.
    """

    def __init__(self, connection: MilvusConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    async def healthy(self) -> None:
        """Return if the server answers."""
        await self._connection.collections()

    async def exists(self, space: str) -> bool:
        """Whether the space has a collection: without one it reads as empty."""
        return self._name(space) in await self._connection.collections()

    async def spaces(self) -> list[str]:
        """The embedding spaces that have a collection."""
        names = await self._connection.collections()
        return sorted(name.removeprefix(self._prefix) for name in names)

    async def count(self, space: str, *, dataset: str, document: str, generation: int) -> int:
        """How many rows of a generation are stored, own writes included."""
        return await self._count(space, generation_clause(dataset, document, generation))

    async def present_ordinals(
        self, space: str, *, dataset: str, document: str, generation: int
    ) -> Ordinals:
        """The ordinals of a generation that are stored, own writes included; any number."""
        clause = generation_clause(dataset, document, generation)
        present = Ordinals()
        async for record in self._present(space, clause, ["ordinal"]):
            present.add(record["ordinal"])
        return present

    async def present_rows(
        self, space: str, *, dataset: str, document: str, generation: int
    ) -> dict[int, str]:
        """The same with the `row_identity` of each."""
        clause = generation_clause(dataset, document, generation)
        fields = ["ordinal", "content_hash", "char_start"]
        return {
            record["ordinal"]: row_identity(record["content_hash"], record["char_start"])
            async for record in self._present(space, clause, fields)
        }

    async def cut_ordinals(
        self, space: str, *, dataset: str, document: str, generation: int
    ) -> set[int]:
        """The ordinals of those whose vector is of the text's beginning only."""
        # Not by a condition on the metadata: Milvus Lite would look into every row of the
        # collection for each of these questions, and hundreds of documents may be resumed at once.
        clause = generation_clause(dataset, document, generation)
        return {
            record["ordinal"]
            async for record in self._present(space, clause, ["ordinal", "metadata"])
            if (record["metadata"] or {}).get(CUT)
        }

    async def vectors_by_hash(
        self, space: str, *, dataset: str, document: str, generation: int, hashes: Sequence[str]
    ) -> tuple[dict[str, list[float]], set[str]]:
        """The vectors of a generation's rows by content hash, for the hashes that it has, and which
        of them are of the text's beginning only."""
        clause = generation_clause(dataset, document, generation)
        wanted = list(dict.fromkeys(hashes))
        found: dict[str, list[float]] = {}
        cut: set[str] = set()
        for start in range(0, len(wanted), HASHES_PER_QUERY):
            some = wanted[start : start + HASHES_PER_QUERY]
            # A text that repeats without end could fill the window and hide others; they are
            # merely embedded again.
            records = await self._query(
                space,
                f"{clause} and {one_of('content_hash', some)}",
                ["content_hash", "dense", "metadata"],
                limit=HASHES_PER_QUERY * ROWS_PER_HASH,
            )
            for record in records:
                found[record["content_hash"]] = [float(value) for value in record["dense"]]
                if (record["metadata"] or {}).get(CUT):
                    cut.add(record["content_hash"])
        return found, cut

    async def generations(
        self, space: str, *, dataset: str | None = None, after: str = ""
    ) -> AsyncIterator[StoredGeneration]:
        """Every generation of every document with its number of rows, in the order of row ids.

        Of one dataset, or of all. Takes memory for one page. `after` resumes behind the `last_id`
        of an earlier item. Rows written while it runs may or may not be counted.
        """
        fields = ["id", "dataset", "document", "generation"]
        scope = "" if dataset is None else f"dataset == {quote(dataset)} and "
        current: StoredGeneration | None = None
        while True:
            records = await self._query(
                space,
                f"{scope}id > {quote(after)}",
                fields,
                limit=AUDIT_PAGE_ROWS,
                # As the library's own iterator does: pages in the order of ids.
                iterator="True",
                reduce_stop_for_best=True,
            )
            for record in sorted(records, key=lambda each: str(each["id"])):
                owner = (record["dataset"], record["document"], record["generation"])
                if current and owner == (current.dataset, current.document, current.generation):
                    current = StoredGeneration(*owner, rows=current.rows + 1, last_id=record["id"])
                    continue
                if current:
                    yield current
                current = StoredGeneration(*owner, rows=1, last_id=record["id"])
            if len(records) < AUDIT_PAGE_ROWS:
                break
            after = max(record["id"] for record in records)
        if current:
            yield current

    async def fetch(self, space: str, ids: Sequence[str]) -> list[StoredRow]:
        """The rows with these ids, in the order asked for; missing ones are left out."""
        found: dict[str, StoredRow] = {}
        for start in range(0, len(ids), IDS_PER_QUERY):
            some = ids[start : start + IDS_PER_QUERY]
            records = await self._query(space, one_of("id", some), STORED_FIELDS, limit=len(some))
            found.update((record["id"], from_record(record)) for record in records)
        return [found[each] for each in ids if each in found]

    async def search_dense(
        self,
        space: str,
        *,
        tenant: str,
        datasets: Sequence[str],
        vector: Sequence[float],
        limit: int,
        where: Filter | None = None,
        offset: int = 0,
        consistency: Consistency = Consistency.STRONG,
    ) -> list[FoundRow]:
        """The rows nearest to a vector, best first; the score is the cosine.

        Rows of every generation: the caller keeps those that Postgres says are live. BOUNDED is
        right only where no document has switched for some seconds. `offset + limit` is at most
        16,384.
        """
        return await self._search(
            space,
            "dense",
            list(vector),
            clause=_scope(tenant, datasets, where),
            limit=limit,
            offset=offset,
            consistency=consistency,
        )

    async def search_keyword(
        self,
        space: str,
        *,
        tenant: str,
        datasets: Sequence[str],
        query_tokens: str,
        limit: int,
        where: Filter | None = None,
        offset: int = 0,
        consistency: Consistency = Consistency.STRONG,
    ) -> list[FoundRow]:
        """The rows that match a query by BM25, best first; otherwise as `search_dense`.

        `query_tokens` went through the same analysis as the rows' tokens; empty finds nothing.
        """
        if not query_tokens:
            return []
        return await self._search(
            space,
            "sparse",
            query_tokens,
            clause=_scope(tenant, datasets, where),
            limit=limit,
            offset=offset,
            consistency=consistency,
        )

    def _name(self, space: str) -> str:
        return collection_name(self._prefix, space)

    async def _count(self, space: str, clause: str) -> int:
        records = await self._query(space, clause, ["count(*)"])
        return int(records[0]["count(*)"]) if records else 0

    async def _present(
        self, space: str, clause: str, fields: list[str]
    ) -> AsyncIterator[dict[str, Any]]:
        expected = await self._count(space, clause)
        first = found = 0
        while found < expected:
            window = f"{clause} and ordinal >= {first} and ordinal < {first + WINDOW}"
            records = await self._query(space, window, fields, limit=WINDOW)
            for record in records:
                yield record
            found += len(records)
            first += WINDOW
            if not records and not await self._count(space, f"{clause} and ordinal >= {first}"):
                break  # rows were deleted meanwhile

    async def _query(
        self, space: str, clause: str, fields: list[str], **options: object
    ) -> list[dict[str, Any]]:
        name = self._name(space)
        records = await self._connection.call(
            "read",
            name,
            lambda client: client.query(
                name,
                filter=clause,
                output_fields=fields,
                consistency_level=Consistency.STRONG.value,
                timeout=READ_SECONDS,
                **options,
            ),
        )
        return list(records or [])

    async def _search(
        self,
        space: str,
        field: str,
        query: str | list[float],
        *,
        clause: str | None,
        limit: int,
        offset: int,
        consistency: Consistency,
    ) -> list[FoundRow]:
        if offset < 0 or limit < 1 or offset + limit > WINDOW:
            raise ValueError(f"cannot return {limit} rows from {offset} on")
        if clause is None:
            return []
        name = self._name(space)
        answers = await self._found(
            name,
            query,
            lambda client: client.search(
                name,
                data=[query],
                anns_field=field,
                filter=clause,
                limit=limit,
                offset=offset,
                output_fields=FOUND_FIELDS,
                consistency_level=consistency.value,
                timeout=READ_SECONDS,
            ),
        )
        if not answers:
            return []
        # Milvus Lite gives BM25 scores a minus sign; a better match is farther from zero in both.
        is_keyword = field == "sparse"
        return [
            FoundRow(
                id=hit["entity"]["id"],
                document=hit["entity"]["document"],
                generation=hit["entity"]["generation"],
                ordinal=hit["entity"]["ordinal"],
                score=abs(hit["distance"]) if is_keyword else hit["distance"],
            )
            for hit in answers[0]
        ]

    async def _found(
        self,
        name: str,
        query: str | list[float],
        action: Callable[[AsyncMilvusClient], Awaitable[Any]],
    ) -> Any:
        """What a search answers. No document is at fault for one that the server refuses."""
        try:
            return await self._connection.call("search", name, action)
        except RowRejected as refusal:
            await self._check_dimensions(name, query)
            raise VectorStoreMisconfigured(
                "the vector store refuses the search: its collection has other fields, or the "
                "server is older than Milvus 2.5 and knows no BM25"
            ) from refusal
        except DependencyError as failure:
            if not isinstance(failure, VectorStoreMisconfigured):
                await self._check_dimensions(name, query)  # Milvus Lite calls this unexpected
            raise

    async def _check_dimensions(self, name: str, query: str | list[float]) -> None:
        if isinstance(query, str):
            return
        dimensions = await self._connection.dimensions(name)
        if dimensions not in (None, len(query)):
            raise VectorStoreMisconfigured(
                f"the collection has vectors of {dimensions} dimensions, and the model in use "
                f"makes {len(query)}"
            )


def document_clause(dataset: str, document: str) -> str:
    return f"dataset == {quote(dataset)} and document == {quote(document)}"


def generation_clause(dataset: str, document: str, generation: int) -> str:
    return f"{document_clause(dataset, document)} and generation == {int(generation)}"


def _scope(tenant: str, datasets: Sequence[str], where: Filter | None) -> str | None:
    """The outermost clause of every search; None if it can match nothing."""
    if not datasets:
        return None
    scope = f"tenant == {quote(tenant)} and {one_of('dataset', datasets)}"
    narrowed = compile_filter(where or Filter())
    return f"{scope} and ({narrowed})" if narrowed else scope
