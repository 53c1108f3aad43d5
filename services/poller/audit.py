"""The audit: R2, Postgres and Milvus are compared, slowly and for ever, and what differs is mended.

Events can be lost on their way and nothing says that they never are. A missed event becomes a job;
rows that belong to nothing live are purged after a second look; a live document that misses rows
is built anew. A verdict (`failed`, `cancelled`) on the same object version is never reopened.
"""

import asyncio
import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories.auditing import AuditRepository, Known
from db.repositories.changes import Change, ChangeRepository
from pipeline.errors import DependencyError
from pipeline.events import ForeignEvent, split_key
from pipeline.store.objects import ListedObject, ObjectStore
from pipeline.store.rows import StoredGeneration
from pipeline.store.vectors import VectorStore

log = structlog.get_logger(__name__)

DRIFT = Counter("sluice_audit_drift", "Differences found by the audit", ["kind"])
LAST_RUN = Gauge("sluice_audit_last_run_timestamp", "When the audit last came to its end")

PAGE = 1000
# Between two pages: an audit of a million objects should not be felt.
PAUSE_BETWEEN_PAGES = timedelta(milliseconds=200)
FIRST_RUN_AFTER = timedelta(seconds=30)


class Audit:
    """Two pollers may audit at once: all that it does is safe to do twice."""

    def __init__(
        self,
        sessions: Sessions,
        objects: ObjectStore,
        vectors: VectorStore,
        *,
        every: timedelta,
        grace: timedelta,
        large_bytes: int,
    ) -> None:
        """`grace`: younger objects are left to their events, suspect rows get a second look."""
        self._sessions = sessions
        self._objects = objects
        self._vectors = vectors
        self._every = every
        self._grace = grace
        self._large_bytes = large_bytes
        # Rows that looked orphaned, since when: at the last round, and at this one.
        self._suspects: dict[tuple[str, str, int], datetime] = {}
        self._suspects_now: dict[tuple[str, str, int], datetime] = {}

    async def run(self, stop: asyncio.Event) -> None:
        pause = min(FIRST_RUN_AFTER, self._every)
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), pause.total_seconds())
                return
            except TimeoutError:
                pause = self._every
            try:
                await self.round()
            except (SQLAlchemyError, OSError, DependencyError) as error:
                log.warning("audit.failed", error=type(error).__name__)
            except Exception as error:
                # The other parts of the poller must not end with this one.
                log.exception("audit.unexpected_error", error=type(error).__name__)

    async def round(self) -> None:
        """One comparison from end to end."""
        await self._compare_objects()
        self._suspects_now = {}
        async with self._sessions() as session:
            searched = await AuditRepository(session).live_spaces()
        # Also those that should be there: a collection may be gone as a whole.
        for space in sorted({*await self._vectors.spaces(), *searched}):
            await self._compare_rows(space)
        self._suspects = self._suspects_now
        LAST_RUN.set_to_current_time()
        log.info("audit.finished")

    async def _compare_objects(self) -> None:
        """Walk the bucket and the documents side by side, both in the order of their keys."""
        page: list[ListedObject] = []
        after = ""
        async for listed in self._objects.list(""):
            page.append(listed)
            if len(page) == PAGE:
                await self._compare_page(page, after=after, until=page[-1].key)
                after, page = page[-1].key, []
                await asyncio.sleep(PAUSE_BETWEEN_PAGES.total_seconds())
        await self._compare_page(page, after=after, until=None)

    async def _compare_page(
        self, page: list[ListedObject], *, after: str, until: str | None
    ) -> None:
        listed = {unicodedata.normalize("NFC", each.key): each for each in page}
        changes = await self._missed(listed)
        start = after
        while True:
            async with self._sessions() as session:
                live = await AuditRepository(session).live_keys(
                    after=start, until=until, limit=PAGE
                )
            changes += [
                Change(dataset_id, key, key.partition("/")[2], reason="audit")
                for dataset_id, key in live
                if key not in listed
            ]
            if len(live) < PAGE:
                break
            start = live[-1][1]
        await self._apply(changes, kind="object")

    async def _missed(self, listed: dict[str, ListedObject]) -> list[Change]:
        """Objects whose version is neither searchable, nor being worked on, nor judged."""
        async with self._sessions() as session:
            known = await AuditRepository(session).known_by_key(listed)
        young = datetime.now(UTC) - self._grace
        changes = []
        for key, thing in listed.items():
            if thing.last_modified > young or _agrees(known.get(key), thing.etag):
                continue
            try:
                dataset_id, file_name = split_key(key)
            except ForeignEvent:
                continue  # not ours to judge
            changes.append(
                Change(dataset_id, key, file_name, reason="audit", etag=thing.etag, size=thing.size)
            )
        return changes

    async def _compare_rows(self, space: str) -> None:
        """Walk the index, then look for searchable documents that have no row in it at all."""
        began = datetime.now(UTC)
        seen: set[int] = set()  # some 70 MB for a million documents
        batch: list[StoredGeneration] = []
        async for stored in self._vectors.generations(space):
            if not _is_ours(stored):
                continue
            seen.add(UUID(stored.document).int)
            batch.append(stored)
            if len(batch) == PAGE:
                await self._compare_generations(space, batch)
                batch = []
                await asyncio.sleep(PAUSE_BETWEEN_PAGES.total_seconds())
        await self._compare_generations(space, batch)
        await self._find_emptied(space, seen, live_before=began - self._grace)

    async def _find_emptied(self, space: str, seen: set[int], *, live_before: datetime) -> None:
        after: UUID | None = None
        while True:
            async with self._sessions() as session:
                page = await AuditRepository(session).live_documents(
                    space, after=after, live_before=live_before, limit=PAGE
                )
            for document_id, dataset_id in page:
                if document_id.int not in seen:
                    await self._rebuild(space, str(dataset_id), document_id)
            if len(page) < PAGE:
                return
            after = page[-1][0]

    async def _compare_generations(self, space: str, batch: list[StoredGeneration]) -> None:
        async with self._sessions() as session:
            known = await AuditRepository(session).known_by_id(
                {UUID(stored.document) for stored in batch}
            )
        for stored in batch:
            document = known.get(UUID(stored.document))
            if document is not None and document.live_generation == stored.generation:
                if stored.rows != document.chunk_count and not document.busy:
                    await self._rebuild(space, stored.dataset, document.document_id)
            elif _is_orphan(document, stored.generation) and self._suspected_long(space, stored):
                await self._purge(space, stored, document)

    def _suspected_long(self, space: str, stored: StoredGeneration) -> bool:
        """Whether these rows looked orphaned at an earlier round already, a grace ago."""
        key = (space, stored.document, stored.generation)
        now = datetime.now(UTC)
        since = self._suspects.get(key, now)
        if now - since >= self._grace and since < now:
            return True
        self._suspects_now[key] = since
        return False

    async def _purge(self, space: str, stored: StoredGeneration, document: Known | None) -> None:
        DRIFT.labels("orphan_rows").inc(stored.rows)
        log.warning("audit.orphan_rows", document_id=stored.document, rows=stored.rows)
        if document is None:
            await self._vectors.delete_document(
                space, dataset=stored.dataset, document=stored.document
            )
            return
        async with self._sessions.begin() as session:
            audit = AuditRepository(session)
            if stored.generation < (document.live_generation or 0):
                await audit.purge([document.document_id])  # the upkeep knows the bound
                return
            bounds = await audit.abandon_building(document.document_id)
        if bounds is not None:
            live, highest = bounds
            await self._vectors.delete_generations(
                space,
                dataset=stored.dataset,
                document=stored.document,
                above=live,
                below=highest + 1,
            )

    async def _rebuild(self, space: str, dataset: str, document_id: UUID) -> None:
        """Write a live generation anew if, looked at closely, it misses rows or has too many."""
        async with self._sessions() as session:
            document = (await AuditRepository(session).known_by_id([document_id])).get(document_id)
        if document is None or document.live_generation is None or document.busy:
            return
        if document.judged_etag is not None and document.judged_etag == document.live_etag:
            return  # building it anew was tried and given up; only a person may ask again
        rows = await self._vectors.count(
            space,
            dataset=dataset,
            document=str(document_id),
            generation=document.live_generation,
        )
        if rows == document.chunk_count:
            return
        log.warning("audit.rows_differ", document_id=str(document_id), rows=rows)
        async with self._sessions.begin() as session:
            await AuditRepository(session).rebuild(document_id, document.live_generation)
        key = document.object_key
        change = Change(UUID(dataset), key, key.partition("/")[2], reason="audit")
        await self._apply([change], kind="rows")

    async def _apply(self, changes: list[Change], *, kind: str) -> None:
        for start in range(0, len(changes), 100):
            async with self._sessions.begin() as session:
                repository = ChangeRepository(session)
                some = changes[start : start + 100]
                exist = await repository.existing_datasets({each.dataset_id for each in some})
                some = [change for change in some if change.dataset_id in exist]
                await repository.apply(some, large_bytes=self._large_bytes)
            if some:
                DRIFT.labels(kind).inc(len(some))
                log.warning("audit.drift", kind=kind, count=len(some))


def _agrees(known: Known | None, etag: str) -> bool:
    return known is not None and (known.busy or etag in (known.live_etag, known.judged_etag))


def _is_orphan(document: Known | None, generation: int) -> bool:
    if document is None:
        return True
    if document.busy or generation == document.live_generation:
        return False
    if generation == document.building_generation:
        return document.stale_building
    return True


def _is_ours(stored: StoredGeneration) -> bool:
    """Whether a row was written by this service; what else is in the collection is left alone."""
    try:
        return bool(UUID(stored.document)) and bool(UUID(stored.dataset))
    except ValueError:
        return False
