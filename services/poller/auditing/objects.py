"""The bucket against the tables: what nobody was told of becomes a job, and so does what vanished.

Both are walked side by side in the order of keys. Nothing is taken for gone on a suspicion: not
while the bucket shows nothing of ours, and never more at a time than the workers' guard lets pass.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from db.engine import Sessions
from db.repositories.audit_runs import Finding
from db.repositories.auditing import AuditRepository, Known
from db.repositories.changes import Change, ChangeRepository
from db.repositories.documents import DocumentRepository
from pipeline.bucket import is_ours
from pipeline.events import ForeignEvent, split_key
from pipeline.policy import Policy
from pipeline.store.objects import ListedObject, ObjectStore
from poller.auditing import pace
from poller.auditing.report import Report

log = structlog.get_logger(__name__)

REASON = "audit"
CHANGES_AT_ONCE = 100  # documents that one transaction locks


class ObjectComparison:
    """For one walk, or several that belong together: what it learns of the bucket it keeps."""

    def __init__(
        self,
        sessions: Sessions,
        objects: ObjectStore,
        report: Report,
        *,
        grace: timedelta,
        large_bytes: int,
        policy: Policy,
        dry_run: bool = False,
    ) -> None:
        """Objects younger than `grace` are left to their events."""
        self._sessions = sessions
        self._objects = objects
        self._report = report
        self._grace = grace
        self._large_bytes = large_bytes
        self._policy = policy
        self._dry_run = dry_run
        self._ours: bool | None = None
        self._removable: dict[UUID, int] = {}  # how many more may go, by tenant

    async def everything(self) -> None:
        await self._walk("", until=None)

    async def dataset(self, dataset_id: UUID) -> None:
        # "0" is the character behind "/".
        await self._walk(f"{dataset_id}/", until=f"{dataset_id}0")

    async def _walk(self, prefix: str, *, until: str | None) -> None:
        page: list[ListedObject] = []
        after = prefix
        async for listed in self._objects.list(prefix):
            page.append(listed)
            if len(page) == pace.PAGE:
                await self._compare(page, after=after, until=page[-1].key)
                after, page = page[-1].key, []
                await pace.rest()
        await self._compare(page, after=after, until=until)

    async def _compare(self, page: list[ListedObject], *, after: str, until: str | None) -> None:
        listed = {unicodedata.normalize("NFC", each.key): each for each in page}
        self._report.progress.objects_seen += len(page)
        await self._apply(Finding.LOST_EVENT, await self._missed(listed))
        start = after
        while True:
            async with self._sessions() as session:
                live = await AuditRepository(session).live_keys(
                    after=start, until=until, limit=pace.PAGE
                )
            gone = await self._vanished([key for key in live if key not in listed])
            await self._apply(Finding.VANISHED_OBJECT, gone)
            if len(live) < pace.PAGE:
                break
            start = live[-1]
        async with self._sessions.begin() as session:
            await self._report.save(session)

    async def _missed(self, listed: dict[str, ListedObject]) -> list[Change]:
        """Objects whose version is neither searchable, nor being worked on, nor judged."""
        async with self._sessions() as session:
            known = await AuditRepository(session).known_by_key(listed)
        young = datetime.now(UTC) - self._grace
        changes = []
        for key, thing in listed.items():
            if (self._grace and thing.last_modified > young) or _agrees(known.get(key), thing.etag):
                continue
            try:
                dataset_id, file_name = split_key(key)
            except ForeignEvent:
                continue  # not ours to judge
            changes.append(
                Change(dataset_id, key, file_name, reason=REASON, etag=thing.etag, size=thing.size)
            )
        return changes

    async def _vanished(self, keys: list[str]) -> list[Change]:
        """Those of the searchable documents that may go; the others are reported, and stay."""
        if not keys:
            return []
        async with self._sessions() as session:
            known = await AuditRepository(session).known_by_key(keys)
        held: list[Known] = []
        changes: list[Change] = []
        for document in known.values():
            if document.busy:
                continue  # its job looks for itself
            if not await self._is_ours() or await self._room(document.tenant_id) < 1:
                held.append(document)
            elif not await self._objects.exists_in_listing(document.object_key):
                # If it is listed now, it was uploaded after its place in the listing was read.
                self._removable[document.tenant_id] -= 1
                key = document.object_key
                name = key.partition("/")[2]
                changes.append(Change(document.dataset_id, key, name, reason=REASON))
        self._hold(held)
        return changes

    def _hold(self, documents: list[Known]) -> None:
        for document in documents:
            self._report.add(Finding.SUSPICIOUS, document.object_key, repaired=False)
        if documents:
            log.error(
                "audit.removals_held",
                documents=len(documents),
                bucket_is_ours=self._ours,
                hint="too many objects seem gone at once; is R2_BUCKET the right one?",
            )

    async def _is_ours(self) -> bool:
        if self._ours is None:
            self._ours = await is_ours(self._sessions, self._objects)
        return self._ours

    async def _room(self, tenant_id: UUID) -> int:
        """How many unasked removals the workers' guard still lets pass."""
        if tenant_id not in self._removable:
            async with self._sessions() as session:
                removed, total = await DocumentRepository(session).unasked_removals(
                    tenant_id=tenant_id, within=self._policy.removal_window
                )
            most = max(self._policy.removal_floor, int(self._policy.removal_share * total))
            self._removable[tenant_id] = most - removed
        return self._removable[tenant_id]

    async def _apply(self, finding: Finding, changes: list[Change]) -> None:
        for start in range(0, len(changes), CHANGES_AT_ONCE):
            some = changes[start : start + CHANGES_AT_ONCE]
            async with self._sessions.begin() as session:
                repository = ChangeRepository(session)
                exist = await repository.existing_datasets({each.dataset_id for each in some})
                some = [change for change in some if change.dataset_id in exist]
                if not self._dry_run:
                    await repository.apply(some, large_bytes=self._large_bytes)
                for change in some:
                    self._report.add(finding, change.object_key, repaired=not self._dry_run)
                await self._report.save(session)
            if some:
                log.warning(
                    "audit.drift", kind=finding.value, count=len(some), dry_run=self._dry_run
                )


def _agrees(known: Known | None, etag: str) -> bool:
    return known is not None and (known.busy or etag in (known.live_etag, known.judged_etag))
