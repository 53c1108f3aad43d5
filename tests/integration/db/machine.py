"""The commands of the state machine: everything that clients, events and the poller may ask.

Each method is one command over a document (`doc`) and, where several would do, a choice (`which`).
What does not apply in a state changes nothing, as for a client that is refused.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, update

from db.engine import Sessions
from db.errors import DatasetNotFound, DocumentNotFound, JobConflict
from db.models import (
    Attempt,
    Breaker,
    Dataset,
    Document,
    Event,
    Job,
    Status,
    Tenant,
    UploadHint,
    Usage,
)
from db.repositories.announcing import AnnouncingRepository
from db.repositories.auditing import AuditRepository
from db.repositories.changes import Change, ChangeRepository
from db.repositories.commands import CommandRepository
from db.repositories.datasets import DatasetRepository
from db.repositories.upkeep import UpkeepRepository
from integration.db.invariants import Snapshot, check_rows, check_step, take_snapshot
from integration.db.model import ModelDocument, Verdict
from integration.db.model_worker import ERRORS, Held, ModelWorker
from pipeline.queue import LARGE_BYTES
from support.catalog import LONG_AGO

LAPSES_MAX = 3
ETAGS = ("e1", "e2", "e3")
NO_TIME = timedelta(0)
EVERYTHING = 100  # more than an example has of anything

REFUSED = 5  # the choice with which a command is given although it does not apply

STATUSES = tuple(Status)
# The jobs that a command is about; attempts in the hands of a worker may be stale all the same.
SUBJECTS: dict[str, Collection[str]] = {
    "claim": (Status.QUEUED,),
    "time_passes": (Status.QUEUED,),
    "lapse": (Status.PROCESSING,),
    "cancel": (Status.QUEUED, Status.PROCESSING),
    "retry": (Status.FAILED, Status.CANCELLED),
}

# What only the worker of an attempt can do.
ENDINGS = ("step", "progress", *ERRORS)

# In the order in which rows may be deleted.
TABLES = (Event, Usage, Attempt, Job, UploadHint, Document, Dataset, Breaker, Tenant)


class Machine:
    """Two datasets with three documents, the workers that hold their jobs, and what they know."""

    def __init__(self, sessions: Sessions, tenant_id: UUID, datasets: tuple[UUID, UUID]) -> None:
        self.sessions = sessions
        self._tenant_id = tenant_id
        self._datasets = datasets
        self.documents = [
            ModelDocument(datasets[0], "a.txt"),
            ModelDocument(datasets[0], "b.txt"),
            ModelDocument(datasets[1], "a.txt"),
        ]
        self.deleted_datasets: set[UUID] = set()
        self.now = Snapshot({}, {}, {})
        self.worker = ModelWorker(sessions, {each.key: each for each in self.documents})

    @classmethod
    async def make(cls, sessions: Sessions) -> "Machine":
        """In a database that is emptied first: an example that failed leaves jobs behind."""
        async with sessions.begin() as session:
            for table in TABLES:
                await session.execute(delete(table))
            tenant = Tenant(name="tenant")
            session.add(tenant)
            await session.flush()
            datasets = [
                Dataset(tenant_id=tenant.id, name=name, live_space="space", updated_at=LONG_AGO)
                for name in ("papers", "letters")
            ]
            session.add_all(datasets)
            await session.flush()
            return cls(sessions, tenant.id, (datasets[0].id, datasets[1].id))

    async def do(self, command: str, doc: int, which: int) -> None:
        """Run a command where there is something to do, and now and then where there is not."""
        wanted = SUBJECTS.get(command)
        document = self.documents[doc]
        if wanted and which < REFUSED and not self._jobs(document, wanted):
            return
        if command in ENDINGS and not self.worker.attempts_of(document):
            return
        await self.checked(command, getattr(self, command)(self.documents[doc], which))

    async def checked(self, command: str, action: Awaitable[None]) -> None:
        """Run a command, then hold what it left against what must always be true."""
        before = self.now
        await action
        self.now = await take_snapshot(self.sessions)
        check_rows(self.now)
        check_step(before, self.now, command)

    # What happens in the bucket, and the news of it.

    async def upload(self, document: ModelDocument, which: int) -> None:
        """Every other time its event comes at once."""
        document.put(ETAGS[which // 2])
        if which % 2 == 0:
            await self.deliver(document, len(document.events) - 1)

    async def vanish(self, document: ModelDocument, which: int) -> None:
        """Somebody deletes the object in the bucket itself."""
        document.remove()

    async def event(self, document: ModelDocument, which: int) -> None:
        """Any event that was sent, also a second time; mostly the newest."""
        if document.events:
            last = len(document.events) - 1
            await self.deliver(document, last if which % 2 == 0 else which % (last + 1))

    async def deliver(self, document: ModelDocument, index: int) -> None:
        number, change = document.events[index]
        await self._apply(change)
        document.told = max(document.told, number)

    async def say_complete(self, document: ModelDocument, which: int) -> None:
        """A client says that its upload is complete; the api looks before it believes it."""
        if document.etag is not None:
            await self._apply(document.hint("upload", size=10))

    async def audit(self, document: ModelDocument, which: int) -> None:
        """The audit compares the bucket with the tables, and lost rows with the index."""
        async with self.sessions.begin() as session:
            audit = AuditRepository(session)
            known = (await audit.known_by_key([document.key])).get(document.key)
            live = known is not None and known.live_generation is not None
            rebuilt = which == 0 and known is not None and live and await audit.rebuild(known)
        if live and (document.etag is None or rebuilt):
            await self._apply(document.hint("audit"))
        elif document.etag is not None and (
            known is None
            or not (known.busy or document.etag in (known.live_etag, known.judged_etag))
        ):
            await self._apply(document.hint("audit", size=10, etag=document.etag))

    async def _apply(self, change: Change) -> None:
        async with self.sessions.begin() as session:
            await ChangeRepository(session).apply([change], large_bytes=LARGE_BYTES)

    # What people ask for.

    async def cancel(self, document: ModelDocument, which: int) -> None:
        job_id = self._a_job(document, which, "cancel")
        if job_id is not None and await self._asked(lambda c: c.cancel(job_id)):
            row = self._row(document)
            document.verdict = Verdict(document.told, row["etag"] if row else None)

    async def retry(self, document: ModelDocument, which: int) -> None:
        job_id = self._a_job(document, which, "retry")
        if job_id is not None and await self._asked(lambda c: c.retry(job_id)):
            document.verdict = None

    async def delete_document(self, document: ModelDocument, which: int) -> None:
        row = self._row(document)
        if row is not None and await self._asked(
            lambda c: c.delete_document(document.dataset_id, UUID(row["id"]))
        ):
            document.deleted = document.number

    async def delete_dataset(self, document: ModelDocument, which: int) -> None:
        await self._change_dataset(document, lambda datasets, id_: datasets.delete(id_))
        self.deleted_datasets.add(document.dataset_id)

    async def pause(self, document: ModelDocument, which: int) -> None:
        await self._change_dataset(
            document, lambda datasets, id_: datasets.change(id_, paused=which % 2 == 0)
        )

    async def prioritise(self, document: ModelDocument, which: int) -> None:
        await self._change_dataset(
            document, lambda datasets, id_: datasets.change(id_, priority=which)
        )

    async def _change_dataset(
        self, document: ModelDocument, change: Callable[[DatasetRepository, UUID], Awaitable[None]]
    ) -> None:
        try:
            async with self.sessions.begin() as session:
                repository = DatasetRepository(session, self._tenant_id)
                await change(repository, document.dataset_id)
        except DatasetNotFound:
            assert document.dataset_id in self.deleted_datasets

    async def _asked(self, command: Callable[[CommandRepository], Awaitable[Any]]) -> bool:
        try:
            async with self.sessions.begin() as session:
                await command(CommandRepository(session, self._tenant_id))
        except (JobConflict, DocumentNotFound):
            return False
        return True

    # What workers do, and what happens to them.

    async def claim(self, document: ModelDocument, which: int) -> None:
        """By any worker, of any job, when its delay is over or before."""
        if which:
            await self.time_passes(document, which)
        job_id = self._a_job(document, which, "claim")
        if job_id is not None:
            await self.worker.claim(job_id, worker=f"w{which % 2}")

    async def claim_job(self, job_id: UUID) -> Held | None:
        claims: list[Held | None] = []

        async def claim() -> None:
            claims.append(await self.worker.claim(job_id, worker="drain"))

        await self.checked("claim", claim())
        return claims[0]

    async def step(self, document: ModelDocument, which: int) -> None:
        await self.worker.step(document, which, self.now)

    async def progress(self, document: ModelDocument, which: int) -> None:
        await self.worker.progress(document, which, self.now)

    async def fail(self, document: ModelDocument, which: int) -> None:
        await self.worker.end(document, which, self.now, "fail")

    async def retry_later(self, document: ModelDocument, which: int) -> None:
        await self.worker.end(document, which, self.now, "retry_later")

    async def wait(self, document: ModelDocument, which: int) -> None:
        await self.worker.end(document, which, self.now, "wait")

    async def hold_removal(self, document: ModelDocument, which: int) -> None:
        await self.worker.end(document, which, self.now, "hold_removal")

    async def release(self, document: ModelDocument, which: int) -> None:
        await self.worker.end(document, which, self.now, "release")

    async def lapse(self, document: ModelDocument, which: int) -> None:
        """The lease of the document's attempt runs out, and the announcer sees to it."""
        async with self.sessions.begin() as session:
            await session.execute(
                update(Job)
                .where(Job.status == Status.PROCESSING, Job.document_id.in_(_ids(document)))
                .values(lease_until=func.now() - timedelta(seconds=1))
            )
        async with self.sessions.begin() as session:
            reaped = await AnnouncingRepository(session).reap(
                lapses_max=LAPSES_MAX, limit=EVERYTHING
            )
        self.now = await take_snapshot(self.sessions)
        row = self._row(document)
        if row and any(self.now.jobs[str(id_)]["status"] == Status.FAILED for id_ in reaped):
            document.verdict = Verdict(document.told, row["judged_etag"])

    async def time_passes(self, document: ModelDocument, which: int) -> None:
        """Every delay of the document is over."""
        async with self.sessions.begin() as session:
            await session.execute(
                update(Job)
                .where(Job.status == Status.QUEUED, Job.document_id.in_(_ids(document)))
                .values(run_after=func.now())
            )

    async def upkeep(self, document: ModelDocument, which: int) -> None:
        async with self.sessions.begin() as session:
            upkeep = UpkeepRepository(session)
            await upkeep.bury_deleted(EVERYTHING)
            await upkeep.queue_stranded_removals(EVERYTHING)

    def _a_job(self, document: ModelDocument, which: int, command: str) -> UUID | None:
        """The latest job that the command is for, or, where it is to be refused, any."""
        wanted = STATUSES if which == REFUSED else SUBJECTS[command]
        ids = self._jobs(document, wanted)
        return UUID(ids[-1 - which % len(ids)]) if ids else None

    def _jobs(self, document: ModelDocument, statuses: Collection[str]) -> list[str]:
        row = self._row(document)
        return sorted(
            id_
            for id_, job in self.now.jobs.items()
            if row and job["document_id"] == row["id"] and job["status"] in statuses
        )

    def _row(self, document: ModelDocument) -> Mapping[str, Any] | None:
        rows = self.now.documents.values()
        return next((row for row in rows if row["object_key"] == document.key), None)


def _ids(document: ModelDocument) -> Any:
    return select(Document.id).where(Document.object_key == document.key)
