"""The end of every example: all work that is left is done, and the index is compared."""

from uuid import UUID

from sqlalchemy import delete, update

from db.models import Breaker, Dataset, Tenant
from db.repositories.announcing import AnnouncingRepository
from integration.db.invariants import UNFINISHED
from integration.db.machine import EVERYTHING, NO_TIME, Machine
from integration.db.model import ModelDocument

ROUNDS_MAX = 10  # each lets every job make an attempt; a few are enough


async def drain(machine: Machine, *, events_are_lost: bool) -> None:
    """Deliver what must still come, end all that holds work back, and work to the end.

    Twice, as the removal of an object is an event in its turn.
    """
    async with machine.sessions.begin() as session:
        await session.execute(update(Dataset).values(paused_at=None))
        await session.execute(update(Tenant).values(paused_at=None))
        await session.execute(delete(Breaker))
    for doc in range(len(machine.documents)):
        await machine.do("lapse", doc, 0)  # the workers are gone
    for _ in range(2):
        for document in machine.documents:
            for index, (number, _change) in enumerate(list(document.events)):
                if not events_are_lost or number > document.told:
                    await machine.checked("event", machine.deliver(document, index))
        await work(machine)


async def work(machine: Machine) -> None:
    """Let a worker that never fails do every job that the announcer would ring for."""
    for _ in range(ROUNDS_MAX):
        await machine.do("upkeep", 0, 0)
        for doc in range(len(machine.documents)):
            await machine.do("time_passes", doc, 0)
        left = {UUID(id_) for id_, job in machine.now.jobs.items() if job["status"] in UNFINISHED}
        if not left:
            return
        async with machine.sessions() as session:
            due = [
                each.job_id
                for large in (False, True)
                for each in await AnnouncingRepository(session).due(
                    large=large, announced_before=NO_TIME, limit=EVERYTHING
                )
            ]
        assert set(due) == left, "the announcer does not ring for a job"
        for job_id in due:
            await _attempt(machine, job_id)
    raise AssertionError(f"jobs come again without end: {left}")


async def _attempt(machine: Machine, job_id: UUID) -> None:
    held = await machine.claim_job(job_id)
    assert held is not None
    while machine.worker.at_work(held):
        await machine.checked("step", machine.worker.advance(held, machine.now))


async def check_agreement(machine: Machine) -> None:
    """The index agrees with the bucket, but for versions on which somebody gave up."""
    rows = {row["object_key"]: row for row in machine.now.documents.values()}
    for document in machine.documents:
        row = rows.get(document.key)
        if document.dataset_id in machine.deleted_datasets:
            assert document.etag is None, "an object of a deleted dataset is left"
        if row is None:
            assert document.etag is None, "nobody heard of an upload"
            continue
        searchable = None if row["live_generation"] is None else row["live_etag"]
        if document.etag is not None:
            assert row["deleted_at"] is None
            assert row["removed_at"] is None, "an object is there, and its document is hidden"
        if not _given_up(document):
            assert searchable == document.etag
            if document.etag is None and document.number:
                assert row["removed_at"] is not None


def _given_up(document: ModelDocument) -> bool:
    """Whether the last verdict was on what the object is now."""
    verdict = document.verdict
    return verdict is not None and (
        verdict.number >= document.number or verdict.etag == document.etag
    )
