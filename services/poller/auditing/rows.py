"""The index against the tables: rows of nothing live go, what misses rows is written anew.

Which rows may go is decided in Postgres, with the document locked: generations only rise, so one
that nobody works on, and that none will work on again, never becomes live.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from db.engine import Sessions
from db.repositories.audit_runs import Finding
from db.repositories.auditing import AuditRepository, Known
from db.repositories.changes import Change, ChangeRepository
from pipeline.store.rows import StoredGeneration
from pipeline.store.vectors import VectorStore
from poller.auditing import pace
from poller.auditing.objects import REASON
from poller.auditing.report import Report
from poller.auditing.suspects import Suspects

log = structlog.get_logger(__name__)


# So many unknown documents, or one in a hundred, lose their rows in one walk without a question.
STRANGERS_FLOOR = 20


class RowComparison:
    def __init__(
        self,
        sessions: Sessions,
        vectors: VectorStore,
        report: Report,
        *,
        grace: timedelta,
        large_bytes: int,
        suspects: Suspects | None = None,
        dry_run: bool = False,
    ) -> None:
        """Documents that went live within `grace` are not missed; without `suspects` orphans go
        at the first look."""
        self._sessions = sessions
        self._vectors = vectors
        self._report = report
        self._grace = grace
        self._large_bytes = large_bytes
        self._suspects = suspects
        self._dry_run = dry_run
        self._strangers: set[str] = set()  # documents with rows that the tables do not know
        self._documents_seen = 0
        self._complained = False

    async def space(self, space: str, *, dataset_id: UUID | None = None) -> None:
        """Walk the index, then look for searchable documents that have no row in it at all."""
        began = datetime.now(UTC)
        seen: set[int] = set()  # some 70 MB for a million documents
        batch: list[StoredGeneration] = []
        dataset = None if dataset_id is None else str(dataset_id)
        async for stored in self._vectors.generations(space, dataset=dataset):
            if not _is_ours(stored):
                continue
            seen.add(UUID(stored.document).int)
            self._documents_seen = max(self._documents_seen, len(seen))
            batch.append(stored)
            if len(batch) == pace.PAGE:
                await self._compare(space, batch)
                batch = []
                await pace.rest()
        await self._compare(space, batch)
        live_before = began - self._grace if self._grace else None
        await self._find_emptied(space, seen, dataset_id=dataset_id, live_before=live_before)

    async def _find_emptied(
        self, space: str, seen: set[int], *, dataset_id: UUID | None, live_before: datetime | None
    ) -> None:
        after: UUID | None = None
        while True:
            async with self._sessions() as session:
                page = await AuditRepository(session).live_documents(
                    space,
                    dataset_id=dataset_id,
                    after=after,
                    live_before=live_before,
                    limit=pace.PAGE,
                )
            for document_id in page:
                if document_id.int not in seen:
                    await self._check_count(space, document_id)
            if len(page) < pace.PAGE:
                return
            after = page[-1]

    async def _compare(self, space: str, batch: list[StoredGeneration]) -> None:
        async with self._sessions() as session:
            known = await AuditRepository(session).known_by_id(
                {UUID(stored.document) for stored in batch}
            )
        for stored in batch:
            self._report.progress.rows_seen += stored.rows
            document = known.get(UUID(stored.document))
            if document is not None and str(document.dataset_id) != stored.dataset:
                document = None  # these rows are no document's
            if document is not None and document.live_generation == stored.generation:
                expected = document.rows_in(space)
                if expected not in (None, stored.rows) and not document.busy:
                    await self._check_count(space, document.document_id)
            elif _is_orphan(document, stored.generation) and self._is_ripe(space, stored):
                await self._purge(space, stored, document)
        async with self._sessions.begin() as session:
            await self._report.save(session)

    def _is_ripe(self, space: str, stored: StoredGeneration) -> bool:
        return self._suspects is None or self._suspects.suspected_long(space, stored)

    async def _purge(self, space: str, stored: StoredGeneration, document: Known | None) -> None:
        log.warning(
            "audit.orphan_rows",
            document_id=stored.document,
            rows=stored.rows,
            dry_run=self._dry_run,
        )
        if self._dry_run:
            self._report.add(Finding.ORPHAN_ROWS, stored.document, repaired=False)
        elif document is None and self._are_too_many(stored.document):
            self._report.add(Finding.SUSPICIOUS, stored.document, repaired=False)
        elif document is None:
            await self._vectors.delete_document(
                space, dataset=stored.dataset, document=stored.document
            )
            self._report.add(Finding.ORPHAN_ROWS, stored.document, repaired=True)
        elif stored.generation < (document.live_generation or 0):
            async with self._sessions.begin() as session:
                # The upkeep knows the bound.
                await AuditRepository(session).purge(document.document_id)
                self._report.add(Finding.ORPHAN_ROWS, stored.document, repaired=True)
                await self._report.save(session)
        else:
            await self._purge_abandoned(space, stored, document.document_id)

    def _are_too_many(self, stranger: str) -> bool:
        """Whether more documents are unknown than a round may purge.

        Tables do not forget documents, so rows of unknown ones are rare; a wrong `DATABASE_URL`
        would make all of them unknown.
        """
        self._strangers.add(stranger)
        if len(self._strangers) <= max(STRANGERS_FLOOR, self._documents_seen // 100):
            return False
        if not self._complained:
            self._complained = True
            log.error(
                "audit.strangers_kept",
                hint="the index has rows of many documents that Postgres does not know: "
                "look whether DATABASE_URL and MILVUS_URI belong together",
            )
        return True

    async def _purge_abandoned(
        self, space: str, stored: StoredGeneration, document_id: UUID
    ) -> None:
        async with self._sessions.begin() as session:
            bounds = await AuditRepository(session).abandon(document_id, stored=stored.generation)
        if bounds is None:
            return
        live, highest = bounds
        await self._vectors.delete_generations(
            space,
            dataset=stored.dataset,
            document=stored.document,
            above=live,
            below=highest + 1,
        )
        self._report.add(Finding.ORPHAN_ROWS, stored.document, repaired=True)

    async def _check_count(self, space: str, document_id: UUID) -> None:
        """Write a live generation anew if, looked at closely, it misses rows or has too many."""
        async with self._sessions() as session:
            document = (await AuditRepository(session).known_by_id([document_id])).get(document_id)
        if document is None or document.live_generation is None or document.busy:
            return
        if document.judged_etag is not None and document.judged_etag == document.live_etag:
            return  # building it anew was tried and given up; only a person may ask again
        rows = await self._vectors.count(
            space,
            dataset=str(document.dataset_id),
            document=str(document_id),
            generation=document.live_generation,
        )
        if rows == document.rows_in(space):
            return
        finding = Finding.WRONG_COUNT if rows else Finding.MISSING_ROWS
        log.warning(
            "audit.rows_differ",
            kind=finding.value,
            document_id=str(document_id),
            rows=rows,
            dry_run=self._dry_run,
        )
        if self._dry_run:
            self._report.add(finding, document.object_key, repaired=False)
        else:
            await self._rebuild(document, finding)

    async def _rebuild(self, document: Known, finding: Finding) -> None:
        key = document.object_key
        name, etag = key.partition("/")[2], document.live_etag
        change = Change(document.dataset_id, key, name, reason=REASON, etag=etag)
        async with self._sessions.begin() as session:
            if not await AuditRepository(session).rebuild(document):
                return
            await ChangeRepository(session).apply([change], large_bytes=self._large_bytes)
            self._report.add(finding, key, repaired=True)
            await self._report.save(session)


def _is_orphan(document: Known | None, generation: int) -> bool:
    if document is None:
        return True
    if document.busy or generation == document.live_generation:
        return False
    if generation < document.purged_below:
        return False  # the upkeep has it on its list
    if generation == document.building_generation:
        return document.stale_building
    return True


def _is_ours(stored: StoredGeneration) -> bool:
    """Whether a row was written by this service; what else is in the collection is left alone."""
    try:
        return bool(UUID(stored.document)) and bool(UUID(stored.dataset))
    except ValueError:
        return False
