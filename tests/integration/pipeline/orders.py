"""One document while clients and an attempt take turns at it, in a given order."""

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, update

from db.engine import Sessions
from db.errors import DocumentNotFound
from db.models import Job, Status
from db.repositories.changes import Change
from db.repositories.commands import CommandRepository
from db.repositories.datasets import DatasetRepository
from db.repositories.upkeep import UpkeepRepository
from integration.pipeline.held_stores import GATE, Gate, HeldObjects
from pipeline.run import Runner
from support.catalog import Home, apply, document_of

NAME = "a.txt"
BODIES = tuple(f"The {word} version of a note.".encode() for word in ("first", "second", "third"))
ROUNDS_MAX = 10
EVERYTHING = 1000


@dataclass(slots=True)
class World:
    """What all orders share."""

    sessions: Sessions
    objects: HeldObjects
    client: Any  # botocore builds its clients at run time; they have no static type
    bucket: str
    runner: Runner
    held: Runner  # another worker, whose attempts are held


@dataclass(slots=True)
class Order:
    """The bucket's side of one document, and the attempt that is held."""

    world: World
    home: Home
    body: int = 0  # which of the bodies was put last
    etag: str | None = None  # what the object is
    kept: bool = True  # whether what was put last is to stay
    events: list[Change] = field(default_factory=list)
    late: bool = False  # events come at the end, the newest first
    clock: Any = field(
        default_factory=lambda: (
            datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1) + timedelta(minutes=n)
            for n in itertools.count()
        )
    )
    task: asyncio.Task[None] | None = None
    gate: Gate = field(default_factory=Gate)

    @property
    def key(self) -> str:
        return f"{self.home.dataset_id}/{NAME}"

    # What clients do.

    async def put(self) -> None:
        """The same bytes again."""
        world = self.world
        answer = await world.client.put_object(
            Bucket=world.bucket, Key=self.key, Body=BODIES[self.body % 3], ContentType="text/plain"
        )
        self.kept, self.etag = True, answer["ETag"].strip('"')
        world.objects.times[self.key] = next(self.clock)
        await self._tell(gone=False)

    async def overwrite(self) -> None:
        self.body += 1
        await self.put()

    async def vanish(self) -> None:
        """Somebody deletes the object in the bucket itself."""
        await self.world.client.delete_object(Bucket=self.world.bucket, Key=self.key)
        self.kept, self.etag = False, None
        world_time = next(self.clock)
        self.world.objects.times[self.key] = world_time
        await self._tell(gone=True)

    async def delete(self) -> None:
        """A delete stands for the version that the service knew."""
        document = await document_of(self.world.sessions, self.home, NAME)
        try:
            async with self.world.sessions.begin() as session:
                commands = CommandRepository(session, self.home.tenant_id)
                await commands.delete_document(self.home.dataset_id, document.id)
        except DocumentNotFound:
            return
        known = max(filter(None, (document.last_modified, document.event_time)))
        if self.etag is not None and known >= self.world.objects.times[self.key]:
            self.kept = False

    async def delete_dataset(self) -> None:
        async with self.world.sessions.begin() as session:
            await DatasetRepository(session, self.home.tenant_id).delete(self.home.dataset_id)

    async def _tell(self, *, gone: bool) -> None:
        event = Change(
            self.home.dataset_id,
            self.key,
            NAME,
            "event",
            etag=self.etag,
            size=None if gone else len(BODIES[self.body % 3]),
            at=self.world.objects.times[self.key],
            gone=gone,
        )
        self.events.append(event)
        if not self.late:
            await apply(self.world.sessions, event)

    # What workers do.

    async def attempt(self) -> None:
        """The held attempt goes on to its next point; without one, another begins."""
        if self.task is None or self.task.done():
            job_id = await self._unfinished()
            if job_id is None:
                return
            self.gate = Gate()
            token = GATE.set(self.gate)
            self.task = asyncio.create_task(self.world.held.run(job_id))
            GATE.reset(token)
        else:
            self.gate.opened.set()
        arrived = asyncio.create_task(self.gate.arrived.wait())
        await asyncio.wait((self.task, arrived), return_when=asyncio.FIRST_COMPLETED)
        arrived.cancel()
        self.gate.arrived.clear()

    async def other_attempt(self) -> None:
        """Another worker makes a whole attempt, if the job is to be had."""
        job_id = await self._unfinished()
        if job_id is not None:
            await self.world.runner.run(job_id)

    async def settle(self) -> None:
        """All that is under way ends, all events come, and all that is left is done."""
        while self.task is not None and not self.task.done():
            await self.attempt()
        for _ in range(2):  # late first, then each once more
            for event in reversed(self.events):
                await apply(self.world.sessions, event)
            await self._work()

    async def _work(self) -> None:
        sessions = self.world.sessions
        for _ in range(ROUNDS_MAX):
            async with sessions.begin() as session:
                upkeep = UpkeepRepository(session)
                await upkeep.bury_deleted(EVERYTHING)
                await upkeep.queue_stranded_removals(EVERYTHING)
            job_id = await self._unfinished()
            if job_id is None:
                return
            await self.world.runner.run(job_id)
        raise AssertionError("the job comes again without end")

    async def _unfinished(self) -> UUID | None:
        async with self.world.sessions.begin() as session:
            jobs = await session.scalars(
                update(Job)
                .where(Job.dataset_id == self.home.dataset_id, Job.status == Status.QUEUED)
                .values(run_after=func.now())
                .returning(Job.id)
            )
            return jobs.one_or_none()
