"""The workers of the state machine: attempts in steps, as `stages.py` makes them, without files.

Between any two steps the object may change, the job may be taken away, the worker may die. A write
of an attempt that no longer holds its job must raise `FenceRaised` and change nothing.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from db.engine import Sessions
from db.errors import FenceRaised
from db.models import Status
from db.repositories.claims import ClaimRepository
from db.repositories.documents import Built, DocumentRepository
from db.repositories.jobs import JobRepository
from integration.db.invariants import Snapshot, take_snapshot
from integration.db.model import ModelDocument, Verdict
from pipeline.attempt import Attempt
from pipeline.errors import (
    Dependency,
    DependencyError,
    DocumentEncrypted,
    ObjectChanged,
    ParserCrashed,
    PipelineError,
    RemovalsHeld,
)
from pipeline.lease import Lease
from pipeline.policy import Policy
from pipeline.stages import _is_buried
from pipeline.store.objects import ObjectVersion
from pipeline.verdict import write_verdict

LEASE = timedelta(minutes=5)
PURGE_DELAY = timedelta(seconds=30)
FINGERPRINT = "fingerprint"
POLICY = Policy()

ERRORS: dict[str, PipelineError] = {
    "fail": DocumentEncrypted("It has a password."),
    "retry_later": ParserCrashed("It crashed."),
    "wait": DependencyError("It did not answer.", dependency=Dependency.EMBEDDER),
    "hold_removal": RemovalsHeld("Many objects vanished."),
    "release": ObjectChanged("It is another version."),
}


@dataclass(slots=True, eq=False)
class Held:
    """An attempt and how far it is; its worker believes that it holds the job."""

    attempt: Attempt
    document: ModelDocument
    looked: bool = False
    version: ObjectVersion | None = None
    number: int = 0  # of the version that it looked at
    begun: bool = False
    generation: int | None = None  # None: there is nothing to write


class ModelWorker:
    def __init__(self, sessions: Sessions, documents: dict[str, ModelDocument]) -> None:
        self._sessions = sessions
        self._documents = documents
        self._held: list[Held] = []

    async def claim(self, job_id: UUID, *, worker: str) -> Held | None:
        async with self._sessions.begin() as session:
            claim = await ClaimRepository(session).claim(job_id, worker=worker, lease=LEASE)
            if claim is None:
                return None
            target = await DocumentRepository(session).target(claim.document_id)
        attempt = Attempt(Lease(claim, math.inf), target, POLICY, asyncio.Event())
        held = Held(attempt, self._documents[target.object_key])
        self._held.append(held)
        return held

    async def step(self, document: ModelDocument, which: int, now: Snapshot) -> None:
        held = self._one_of(document, which)
        if held is not None:
            await self.advance(held, now)

    async def advance(self, held: Held, now: Snapshot) -> None:
        """Look at the object, begin to write, or end well: whichever comes next."""
        if not held.looked:
            await self._look(held, now)
        elif not held.begun:
            await self._begin(held, now)
        else:
            await self._finish(held, now)

    async def progress(self, document: ModelDocument, which: int, now: Snapshot) -> None:
        held = self._one_of(document, which)
        if held is None:
            return
        await self._write(
            held,
            now,
            lambda session: JobRepository(session).progress(
                held.attempt.claim,
                stage="embed",
                percent=10 * which,
                chunks_done=which,
                got_further=which == 0,
            ),
        )

    async def end(self, document: ModelDocument, which: int, now: Snapshot, how: str) -> None:
        """End an attempt badly."""
        held = self._one_of(document, which)
        if held is not None:
            await self._conclude(held, now, ERRORS[how])

    async def _conclude(self, held: Held, now: Snapshot, error: PipelineError) -> None:
        written = await self._write(
            held, now, lambda session: write_verdict(session, held.attempt, error, away=True)
        )
        if not written:
            return
        self._held.remove(held)
        job = (await take_snapshot(self._sessions)).jobs[str(held.attempt.claim.job_id)]
        if job["status"] == Status.FAILED:
            # What was never looked at is judged with what was known of it.
            number = held.number if held.looked else held.document.told
            held.document.verdict = Verdict(number, held.attempt.etag)

    async def _look(self, held: Held, now: Snapshot) -> None:
        target, version = held.attempt.target, held.document.head()
        number = held.document.number
        if version is not None and target.deleted_at is not None:
            if not self._holds(held, now):
                self._held.remove(held)  # its lease says so before anything outside is touched
                return
            if _is_buried(target, version):
                # What was uploaded after the delete is never taken for what was deleted.
                assert target.dataset_deleted or number <= held.document.deleted
                held.document.remove()
                version, number = None, held.document.number
            elif await self._void_tombstone(held, now):
                held.attempt.target = replace(
                    target, deleted_at=None, deleted_etag=None, deleted_modified=None
                )
            else:
                return
        held.looked, held.version, held.number = True, version, number
        held.attempt.etag = None if version is None else version.etag

    async def _void_tombstone(self, held: Held, now: Snapshot) -> bool:
        return await self._write(
            held,
            now,
            lambda session: DocumentRepository(session).void_tombstone(
                held.attempt.claim, purge_delay=PURGE_DELAY
            ),
        )

    async def _begin(self, held: Held, now: Snapshot) -> None:
        target, version = held.attempt.target, held.version
        held.begun = True
        if version is None:
            if target.live_generation is not None:
                await self._write(held, now, lambda session: self._remove(session, held))
            return
        if (target.live_etag, target.live_fingerprint) == (version.etag, FINGERPRINT):
            return
        if not await self._write(held, now, lambda s: self._allocate(s, held, version)):
            return
        if held.document.etag != version.etag:  # a download asks for that very version
            now = await take_snapshot(self._sessions)
            await self._conclude(held, now, ObjectChanged("It is another version."))

    async def _finish(self, held: Held, now: Snapshot) -> None:
        if await self._write(held, now, lambda session: self._complete(session, held)):
            self._held.remove(held)
            held.document.verdict = None

    async def _allocate(self, session: AsyncSession, held: Held, version: ObjectVersion) -> None:
        held.generation, _ = await DocumentRepository(session).begin_generation(
            held.attempt.claim,
            etag=version.etag,
            size=version.size,
            content_type=version.content_type,
            last_modified=version.last_modified,
            fingerprint=FINGERPRINT,
        )

    async def _complete(self, session: AsyncSession, held: Held) -> None:
        documents, attempt, version = DocumentRepository(session), held.attempt, held.version
        if version is None:
            await self._remove(session, held)
        elif held.generation is None:
            await documents.unchanged(attempt.claim, last_modified=version.last_modified)
        else:
            built = Built(
                held.generation, version.etag, FINGERPRINT, "space", 1, 1, 10, "text/plain", ()
            )
            await documents.switch(attempt.claim, built, purge_delay=PURGE_DELAY)
        await JobRepository(session).complete(attempt.claim, attempt.tally)

    @staticmethod
    async def _remove(session: AsyncSession, held: Held) -> None:
        asked = held.attempt.target.deleted_at is not None
        await DocumentRepository(session).remove(
            held.attempt.claim, asked=asked, purge_delay=PURGE_DELAY
        )

    async def _write(
        self, held: Held, now: Snapshot, write: Callable[[AsyncSession], Awaitable[None]]
    ) -> bool:
        """Whether the attempt still held its job; if not nothing may have changed."""
        try:
            async with self._sessions.begin() as session:
                await write(session)
        except FenceRaised:
            assert not self._holds(held, now)
            assert await take_snapshot(self._sessions) == now
            self._held.remove(held)
            return False
        assert self._holds(held, now)
        return True

    @staticmethod
    def _holds(held: Held, now: Snapshot) -> bool:
        job = now.jobs[str(held.attempt.claim.job_id)]
        return bool(job["fence"] == held.attempt.claim.fence and job["status"] == Status.PROCESSING)

    def attempts_of(self, document: ModelDocument) -> list[Held]:
        return [held for held in self._held if held.document is document]

    def at_work(self, held: Held) -> bool:
        return held in self._held

    def _one_of(self, document: ModelDocument, which: int) -> Held | None:
        mine = self.attempts_of(document)
        return mine[which % len(mine)] if mine else None
