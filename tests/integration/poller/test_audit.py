"""The bucket, the tables and the index are compared, and what differs is mended, no more."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, update

from db.engine import Sessions
from db.models import Dataset, Job, Status
from integration.poller.bucket import Bucket
from integration.poller.index import (
    SPACE,
    change_document,
    rows_of,
    searchable,
    write_rows,
)
from pipeline.queue import LARGE_BYTES
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.audit import Audit
from poller.auditing.rows import STRANGERS_FLOOR
from poller.upkeep import Upkeep
from support.attempts import fail
from support.catalog import Home, apply, document_of, jobs_of
from support.rows import a_row

NO_GRACE = timedelta(0)
SHORT = timedelta(milliseconds=200)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONG_FINISHED = 2 * DAY  # longer than a failed attempt's rows are kept for a retry by hand

MakeAudit = Callable[..., Audit]


@pytest.fixture
def make_audit(sessions: Sessions, objects: ObjectStore, vectors: VectorStore) -> MakeAudit:
    def make(*, grace: timedelta = NO_GRACE) -> Audit:
        return Audit(sessions, objects, vectors, every=HOUR, grace=grace, large_bytes=LARGE_BYTES)

    return make


def key_of(home: Home, name: str = "a.txt") -> str:
    return f"{home.dataset_id}/{name}"


async def reasons(sessions: Sessions, home: Home) -> list[str]:
    """Why the unfinished jobs of a home were made."""
    jobs = await jobs_of(sessions, home)
    return [job.reason for job in jobs if job.status == Status.QUEUED]


async def live_with_object(
    sessions: Sessions, home: Home, uploads: Bucket, name: str = "a.txt", *, chunks: int
) -> UUID:
    """A searchable document whose object is in the bucket, in just that version."""
    etag = await uploads.put(key_of(home, name))
    document_id = await searchable(sessions, home, name, chunks=chunks)
    await change_document(sessions, document_id, live_etag=etag, etag=etag, event_etag=etag)
    return document_id


async def give_up(
    sessions: Sessions, home: Home, *, etag: str | None, ago: timedelta = NO_GRACE
) -> UUID:
    """The document's last job failed so long ago, on this version; returns the document."""
    [job_id] = (await apply(sessions, home.change(etag=f"retry-{etag}", minute=1))).values()
    assert job_id is not None
    await fail(sessions, job_id, code="document_corrupt", message="It is broken.")
    document_id = (await document_of(sessions, home)).id
    await change_document(sessions, document_id, judged_etag=etag, event_etag=etag, etag=etag)
    async with sessions.begin() as session:
        await session.execute(
            update(Job)
            .where(Job.document_id == document_id)
            .values(finished_at=Job.finished_at - ago)
        )
    return document_id


# The bucket against the tables.


async def test_an_object_whose_event_was_lost_becomes_a_job(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await uploads.put(key_of(home, "sub/folder/a b+c.txt"))

    await make_audit().round()

    [job] = await jobs_of(sessions, home)
    assert (job.reason, job.status) == ("audit", Status.QUEUED)
    assert (await document_of(sessions, home, "sub/folder/a b+c.txt")).size == 5


async def test_an_overwrite_whose_event_was_lost_becomes_a_job(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await live_with_object(sessions, home, uploads, chunks=0)
    await uploads.put(key_of(home), b"another version")

    await make_audit().round()

    assert await reasons(sessions, home) == ["audit"]


async def test_what_agrees_makes_no_job(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=2)
    await write_rows(vectors, home, document_id, generation=1, count=2)

    await make_audit().round()

    assert await reasons(sessions, home) == []
    assert await rows_of(vectors, home, document_id) == {1: 2}


async def test_a_job_at_work_is_left_to_it(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await uploads.put(key_of(home))
    await apply(sessions, home.change())

    await make_audit().round()

    assert await reasons(sessions, home) == ["event"]


async def test_a_young_object_is_left_to_its_event(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await uploads.put(key_of(home))

    await make_audit(grace=HOUR).round()

    assert await jobs_of(sessions, home) == []


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
async def test_a_verdict_on_the_same_version_is_not_reopened(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    make_audit: MakeAudit,
    status: Status,
) -> None:
    await give_up(sessions, home, etag=await uploads.put(key_of(home)))
    async with sessions.begin() as session:
        await session.execute(update(Job).values(status=status))

    await make_audit().round()

    assert await reasons(sessions, home) == []


async def test_a_verdict_on_another_version_says_nothing_of_this_one(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await uploads.put(key_of(home))
    await give_up(sessions, home, etag="another version")

    await make_audit().round()

    assert await reasons(sessions, home) == ["audit"]


async def test_an_object_that_is_gone_makes_a_job_for_its_document(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await live_with_object(sessions, home, uploads, "still-there.txt", chunks=0)
    await searchable(sessions, home, chunks=0)

    await make_audit().round()

    [job] = [job for job in await jobs_of(sessions, home) if job.status == Status.QUEUED]
    assert (job.document_id, job.reason) == ((await document_of(sessions, home)).id, "audit")


async def test_what_is_no_document_of_ours_is_left_alone(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    async with sessions.begin() as session:
        purged = Dataset(
            tenant_id=home.tenant_id,
            name="purged",
            live_space=SPACE,
            deleted_at=func.now(),
            purged_at=func.now(),
        )
        session.add(purged)
    for key in ("readme.txt", f"{uuid4()}/a.txt", f"{purged.id}/a.txt", key_of(home, "real.txt")):
        await uploads.put(key)

    await make_audit().round()

    assert await reasons(sessions, home) == ["audit"]
    assert await jobs_of(sessions, Home(home.tenant_id, purged.id)) == []


async def test_what_lies_in_a_deleted_dataset_is_to_be_removed(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    await uploads.put(key_of(home))
    async with sessions.begin() as session:
        await session.execute(update(Dataset).values(deleted_at=func.now()))

    await make_audit().round()

    assert await reasons(sessions, home) == ["delete"]
    assert (await document_of(sessions, home)).deleted_at is not None


async def test_every_page_of_a_long_listing_is_compared(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    make_audit: MakeAudit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("poller.auditing.pace.PAGE", 2)
    monkeypatch.setattr("poller.auditing.pace.PAUSE_BETWEEN_PAGES", timedelta(0))
    missed = ["b.txt", "d.txt", "f.txt", "h.txt", "j.txt"]
    gone = ["a.txt", "c.txt", "e1.txt", "e2.txt", "e3.txt", "k.txt", "l.txt", "m.txt"]
    for name in missed:
        await uploads.put(key_of(home, name))
    for name in gone:
        await searchable(sessions, home, name, chunks=0)
    await live_with_object(sessions, home, uploads, "g.txt", chunks=0)

    await make_audit().round()

    to_do = [job.document_id for job in await jobs_of(sessions, home) if job.reason == "audit"]
    expected = {(await document_of(sessions, home, name)).id for name in missed + gone}
    assert set(to_do) == expected
    assert len(to_do) == len(expected)


# The index against the tables.


async def test_an_index_full_of_rows_that_the_tables_do_not_know_is_left_alone(
    home: Home, vectors: VectorStore, make_audit: MakeAudit
) -> None:
    """As with the index of one deployment and the tables of another."""
    strangers = [uuid4() for _ in range(STRANGERS_FLOOR + 5)]
    for stranger in strangers:
        await write_rows(vectors, home, stranger, generation=1, count=1)
    audit = make_audit(grace=SHORT)

    await audit.round()
    await asyncio.sleep(SHORT.total_seconds())
    await audit.round()

    left = [stranger for stranger in strangers if await rows_of(vectors, home, stranger)]
    assert 0 < len(strangers) - len(left) <= STRANGERS_FLOOR


async def test_rows_of_nobody_are_purged_only_at_a_second_look_after_the_grace(
    home: Home, vectors: VectorStore, make_audit: MakeAudit
) -> None:
    nobody = uuid4()
    await write_rows(vectors, home, nobody, generation=1, count=2)
    patient, quick = make_audit(grace=HOUR), make_audit(grace=SHORT)

    await patient.round()
    await patient.round()
    await quick.round()
    before = await rows_of(vectors, home, nobody)
    await asyncio.sleep(SHORT.total_seconds())
    await quick.round()

    assert before == {1: 2}
    assert await rows_of(vectors, home, nobody) == {}


async def test_rows_below_the_live_generation_are_handed_to_the_upkeep(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    objects: ObjectStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=1)
    await change_document(sessions, document_id, generation=2, live_generation=2, purge_after=None)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    audit = make_audit()

    await audit.round()
    after_one = (await document_of(sessions, home)).purge_after
    await audit.round()
    await Upkeep(sessions, objects, vectors).round()

    assert after_one is None
    assert await rows_of(vectors, home, document_id) == {2: 1}


async def test_rows_that_became_live_between_two_looks_stay(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=1)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    audit = make_audit()

    await audit.round()  # of generation 2 the tables know nothing
    await change_document(sessions, document_id, generation=2, live_generation=2)
    await audit.round()

    assert (await rows_of(vectors, home, document_id))[2] == 1


async def test_a_document_at_work_keeps_all_its_rows(
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=1)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    await change_document(sessions, document_id, generation=2, building_etag="e2")
    await apply(sessions, home.change(etag="e2", minute=1))
    audit = make_audit()

    for _ in range(3):
        await audit.round()

    assert await rows_of(vectors, home, document_id) == {1: 1, 2: 1}


@pytest.mark.parametrize(
    ("ago", "left"), [(timedelta(hours=1), {1: 1, 2: 1}), (LONG_FINISHED, {1: 1})]
)
async def test_what_a_failed_attempt_left_is_kept_for_a_day(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
    ago: timedelta,
    left: dict[int, int],
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=1)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    etag = (await document_of(sessions, home)).live_etag
    await give_up(sessions, home, etag=etag, ago=ago)
    await change_document(
        sessions, document_id, generation=2, building_etag=etag, building_fingerprint="f"
    )
    audit = make_audit()

    for _ in range(3):
        await audit.round()

    assert await rows_of(vectors, home, document_id) == left


@pytest.mark.parametrize("stored", [0, 2, 4])
async def test_a_live_document_whose_rows_are_not_those_it_should_have_is_built_anew(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
    stored: int,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=3)
    other = await live_with_object(sessions, home, uploads, "other.txt", chunks=1)
    await write_rows(vectors, home, document_id, generation=1, count=stored)
    await write_rows(vectors, home, other, generation=1, count=1)

    await make_audit().round()

    [job] = [job for job in await jobs_of(sessions, home) if job.status == Status.QUEUED]
    assert (job.document_id, job.reason) == (document_id, "audit")
    document = await document_of(sessions, home)
    assert document.live_generation == 1  # searchable until the new rows are there
    assert document.live_fingerprint is None  # what makes the job write them


async def test_a_document_that_went_live_just_now_may_have_rows_that_the_walk_has_not_seen(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=3)
    other = await live_with_object(sessions, home, uploads, "other.txt", chunks=1)
    await write_rows(vectors, home, other, generation=1, count=1)
    await change_document(sessions, document_id, live_at=func.now())

    await make_audit(grace=HOUR).round()

    assert await reasons(sessions, home) == []


async def test_a_live_document_whose_whole_collection_is_gone_is_built_anew(
    sessions: Sessions, home: Home, uploads: Bucket, make_audit: MakeAudit
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=3)
    await change_document(sessions, document_id, live_space="space_that_is_gone")

    await make_audit().round()

    assert await reasons(sessions, home) == ["audit"]


async def test_missing_rows_do_not_reopen_a_verdict_at_every_round(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    document_id = await live_with_object(sessions, home, uploads, chunks=3)
    await write_rows(vectors, home, document_id, generation=1, count=2)
    await give_up(sessions, home, etag=(await document_of(sessions, home)).live_etag)

    await make_audit().round()

    assert await reasons(sessions, home) == []


async def test_rows_that_are_not_ours_are_left_alone_and_stop_nothing(
    *,
    sessions: Sessions,
    home: Home,
    uploads: Bucket,
    vectors: VectorStore,
    make_audit: MakeAudit,
) -> None:
    foreign = a_row(dataset="another program's", document="not a UUID")
    await vectors.write(SPACE, [foreign])
    document_id = await live_with_object(sessions, home, uploads, chunks=3)
    await write_rows(vectors, home, document_id, generation=1, count=2)
    audit = make_audit()

    for _ in range(2):
        await audit.round()

    assert [row.id for row in await vectors.fetch(SPACE, [foreign.id])] == [foreign.id]
    assert await reasons(sessions, home) == ["audit"]
