"""Upkeep: what is no longer live is deleted, a little at a time, and again if it did not work."""

import asyncio
from datetime import timedelta

import structlog
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from db.engine import Sessions
from db.repositories import idempotency
from db.repositories.browser_sessions import BrowserSessionRepository
from db.repositories.embedded_texts import EmbeddedTextRepository
from db.repositories.events import EventRepository
from db.repositories.upkeep import Purge, UpkeepRepository
from db.repositories.workers import WorkerRepository
from pipeline.errors import DependencyError, code_of
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore

log = structlog.get_logger(__name__)

PURGED = Counter("sluice_documents_purged", "Documents whose older generations were deleted")

EVERY = timedelta(seconds=5)
AFTER_ERROR = timedelta(seconds=15)
PURGES_PER_ROUND = 100
TOMBSTONES_PER_ROUND = 200
ANSWERS_PER_ROUND = 500
WORKERS_PER_ROUND = 100
EVENTS_PER_ROUND = 2_000
EVENTS_KEPT = timedelta(days=30)  # as long as a client may have been away and still resume
# A lease of an attempt on a deleted dataset has run out long before.
DATASET_GRACE = timedelta(minutes=5)
# An upload that began just before its URL expired has ended by then.
UPLOAD_GRACE = timedelta(hours=1)


class Upkeep:
    """Every step is safe to repeat, and safe beside another poller that does the same."""

    def __init__(self, sessions: Sessions, objects: ObjectStore, vectors: VectorStore) -> None:
        self._sessions = sessions
        self._objects = objects
        self._vectors = vectors

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                busy = await self.round()
                pause = timedelta(0) if busy else EVERY
            except (SQLAlchemyError, OSError, DependencyError) as error:
                log.warning("upkeep.failed", error=type(error).__name__, code=code_of(error))
                pause = AFTER_ERROR
            except Exception as error:
                # The other parts of the poller must not end with this one.
                log.exception("upkeep.unexpected_error", error=type(error).__name__)
                pause = AFTER_ERROR
            try:
                await asyncio.wait_for(stop.wait(), pause.total_seconds() or 0.05)
            except TimeoutError:
                continue

    async def round(self) -> bool:
        """A bounded share of the work; returns whether there is more right away."""
        async with self._sessions.begin() as session:
            upkeep = UpkeepRepository(session)
            buried = await upkeep.bury_deleted(TOMBSTONES_PER_ROUND)
            await upkeep.queue_stranded_removals(TOMBSTONES_PER_ROUND)
            await upkeep.forget_unused_uploads(after=UPLOAD_GRACE, limit=TOMBSTONES_PER_ROUND)
            await idempotency.forget(session, limit=ANSWERS_PER_ROUND)
            await BrowserSessionRepository(session).forget(ANSWERS_PER_ROUND)
            await WorkerRepository(session).forget(WORKERS_PER_ROUND)
            forgotten = await EventRepository(session).forget(
                older_than=EVENTS_KEPT, limit=EVENTS_PER_ROUND
            )
        purged = await self._purge_generations()
        await self._purge_datasets()
        return (
            buried == TOMBSTONES_PER_ROUND
            or purged == PURGES_PER_ROUND
            or forgotten == EVENTS_PER_ROUND
        )

    async def _purge_generations(self) -> int:
        async with self._sessions() as session:
            purges = await UpkeepRepository(session).purges(PURGES_PER_ROUND)
        if not purges:
            return 0
        spaces = await self._vectors.spaces()
        for purge in purges:
            for space in spaces:
                await self._vectors.delete_generations(
                    space,
                    dataset=str(purge.dataset_id),
                    document=str(purge.document_id),
                    below=purge.below,
                )
            if purge.removed:
                # A stale attempt may have kept the text once more after the removal.
                await self._objects.delete_derived(f"{purge.document_id}/")
            await self._forget_texts(purge)
            async with self._sessions.begin() as session:
                await UpkeepRepository(session).purged(purge)
        PURGED.inc(len(purges))
        log.info("generations.purged", documents=len(purges))
        return len(purges)

    async def _forget_texts(self, purge: Purge) -> None:
        """Nobody is to look for vectors in rows that are gone."""
        while True:
            async with self._sessions.begin() as session:
                texts = EmbeddedTextRepository(session)
                if await texts.forget(purge.document_id, below=purge.below):
                    return

    async def _purge_datasets(self) -> None:
        async with self._sessions() as session:
            emptied = await UpkeepRepository(session).emptied_datasets(
                after=DATASET_GRACE, limit=PURGES_PER_ROUND
            )
        for dataset_id in emptied:
            for space in await self._vectors.spaces():
                await self._vectors.delete_dataset(space, dataset=str(dataset_id))
            async with self._sessions.begin() as session:
                await UpkeepRepository(session).dataset_purged(dataset_id)
            log.info("dataset.purged", dataset_id=str(dataset_id))
