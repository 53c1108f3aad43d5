"""What a run left behind, as Postgres says it, as Milvus holds it, and as search shows it.

Files are named by the corpus, so that two runs compare: their ids, keys and generations differ.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from pymilvus import MilvusClient

from pipeline.settings import VectorStoreSettings
from pipeline.store.collection import STORED_FIELDS, from_record
from pipeline.store.milvus import GRPC_OPTIONS
from pipeline.store.rows import StoredRow
from pipeline.store.vectors import VectorStore

from .client import User
from .corpus import Corpus, File

HITS_MAX = 100  # of one search
ROWS_MAX = 16_384  # of one query to Milvus; no file of a corpus comes near
LEASE_OF_A_LOOK = 30.0  # a query to a server that may be restarting

DOCUMENTS = """
    select d.*, j.status, j.error_code, j.error, j.id as job_id
    from documents d left join lateral (
        select * from jobs where jobs.document_id = d.id
        order by finished_at desc nulls first, id desc limit 1
    ) j on true
"""


@dataclass(frozen=True)
class Passage:
    """A live row, without what differs between two runs by nature."""

    ordinal: int
    content_hash: str
    text: str  # its hash
    place: tuple[Any, ...]  # char_start, char_end, page, sheet, line, box, headings

    @classmethod
    def of(cls, row: StoredRow) -> "Passage":
        box = row.position.box
        return cls(
            row.ordinal,
            row.content_hash,
            _digest(row.text),
            (
                row.char_start,
                row.char_end,
                row.position.page,
                row.position.sheet,
                row.position.line,
                None if box is None else (box.left, box.top, box.right, box.bottom),
                row.heading_path,
            ),
        )


@dataclass
class Snapshot:
    documents: dict[File, tuple[Any, ...]] = field(default_factory=dict)
    rows: dict[File, dict[int, Passage]] = field(default_factory=dict)
    vectors: dict[tuple[File, int], Sequence[float]] = field(default_factory=dict)
    found: dict[File, Counter[tuple[Any, ...]]] = field(default_factory=dict)  # by search
    doubled: list[str] = field(default_factory=list)


def milvus_client(uri: str) -> MilvusClient:
    """Straight to the server. A connection that the library shares would be one that pings."""
    return MilvusClient(uri=uri, dedicated=True, grpc_options=GRPC_OPTIONS)


class Observer:
    """Looks at one run's data, at the servers themselves and past the faults."""

    def __init__(self, user: User, corpus: Corpus, environment: dict[str, str], milvus: str):
        self.user = user
        self.corpus = corpus
        self._database = environment["DATABASE_URL"]
        self._prefix = environment["SLUICE_MILVUS_PREFIX"]
        self._milvus = milvus

    async def query(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._database, timeout=10, ssl=False)
        try:
            return list(await connection.fetch(sql, *arguments, timeout=LEASE_OF_A_LOOK))
        finally:
            await connection.close()

    async def documents(self) -> dict[File, asyncpg.Record]:
        files = {self.user.key_of(file): file for file in self.corpus.fates}
        rows = await self.query(DOCUMENTS)
        return {files[row["object_key"]]: row for row in rows if row["object_key"] in files}

    async def unsettled(self) -> dict[File, str]:
        """The files whose last operation has not taken effect, and how it looks instead."""
        documents = await self.documents()
        left: dict[File, str] = {}
        for file, operations in self.corpus.fates.items():
            reason = _unsettled(operations[-1].etag, documents.get(file))
            if reason is not None:
                left[file] = reason
        return left

    async def orphans(self) -> list[str]:
        """Rows of Milvus that belong to no live generation."""
        live = {
            (str(row["id"]), row["live_generation"])
            for row in await self.query("select id, live_generation from documents")
        }
        settings = VectorStoreSettings(milvus_uri=self._milvus, milvus_prefix=self._prefix)
        async with VectorStore.open(settings) as vectors:
            return [
                f"document {stored.document} generation {stored.generation}: {stored.rows} rows"
                for space in await vectors.spaces()
                async for stored in vectors.generations(space)
                if (stored.document, stored.generation) not in live
            ]

    async def take(self) -> Snapshot:
        taken = Snapshot()
        documents = await self.documents()
        for file, row in documents.items():
            searchable = row["live_generation"] is not None
            gone = row["removed_at"] is not None
            taken.documents[file] = (
                ("searchable", searchable),
                ("gone", gone),
                ("state", row["status"]),
                ("error", row["error_code"] if row["status"] == "failed" else None),
                *((name, row[name] if searchable else None) for name in (
                    "live_etag", "chunk_count", "page_count", "character_count", "media_type",
                )),
            )  # fmt: skip
        await asyncio.to_thread(self._read_rows, taken, documents)
        for file in self.corpus.fates:
            hits = await self.user.search(file, HITS_MAX)
            taken.found[file] = Counter(_seen(hit) for hit in hits)
        return taken

    def _read_rows(self, taken: Snapshot, documents: dict[File, asyncpg.Record]) -> None:
        client = milvus_client(self._milvus)
        try:
            names = [name for name in client.list_collections() if name.startswith(self._prefix)]
            for file, row in documents.items():
                taken.rows[file] = {}
                if row["live_generation"] is None:
                    continue
                clause = f'document == "{row["id"]}" and generation == {row["live_generation"]}'
                for name in names:
                    records = client.query(
                        name,
                        filter=clause,
                        output_fields=[*STORED_FIELDS, "dense"],
                        limit=ROWS_MAX,
                        consistency_level="Strong",
                        timeout=LEASE_OF_A_LOOK,
                    )
                    for record in records:
                        passage = Passage.of(from_record(record))
                        if passage.ordinal in taken.rows[file]:
                            taken.doubled.append(f"{file.name}: row {passage.ordinal} twice")
                        taken.rows[file][passage.ordinal] = passage
                        taken.vectors[file, passage.ordinal] = record["dense"]
        finally:
            client.close()


def _unsettled(etag: str | None, row: asyncpg.Record | None) -> str | None:
    if row is None:
        return None if etag is None else "unknown to Postgres"
    if row["status"] in ("queued", "processing"):
        return f"job {row['job_id']} is {row['status']}"
    if etag is None:
        return None if row["removed_at"] is not None else "not removed"
    if etag in (row["live_etag"], row["judged_etag"]):
        return None
    return f"live version {row['live_etag']}, uploaded {etag}, job {row['status']}"


def _seen(hit: dict[str, Any]) -> tuple[Any, ...]:
    box = hit["box"]
    return (
        _digest(hit["text"]),
        hit["char_start"],
        hit["char_end"],
        hit["page"],
        hit["sheet"],
        hit["line"],
        None if box is None else tuple(box.values()),
        tuple(hit["heading_path"]),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
