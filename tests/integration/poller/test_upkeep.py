"""What is no longer live is deleted, and nothing else is."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from db.engine import Sessions
from db.models import Dataset, Document, IdempotentRequest, Job, Status, UploadHint
from db.repositories.datasets import DatasetRepository
from db.repositories.idempotency import KEPT_FOR
from db.repositories.uploads import Expected, UploadRepository
from integration.poller.index import (
    SPACE,
    change_document,
    rows_of,
    searchable,
    write_rows,
)
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from poller.upkeep import UPLOAD_GRACE, Upkeep
from support.catalog import Home, apply, document_of, jobs_of

HOUR = timedelta(hours=1)
AGO = func.now() - timedelta(seconds=1)


@pytest.fixture
def upkeep(sessions: Sessions, objects: ObjectStore, vectors: VectorStore) -> Upkeep:
    return Upkeep(sessions, objects, vectors)


@pytest.fixture
def no_dataset_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("poller.upkeep.DATASET_GRACE", timedelta(0))


async def delete_dataset(sessions: Sessions, home: Home) -> None:
    async with sessions.begin() as session:
        await DatasetRepository(session, home.tenant_id).delete(home.dataset_id)


async def dataset_of(sessions: Sessions, home: Home) -> Dataset:
    async with sessions() as session:
        return await session.get_one(Dataset, home.dataset_id)


async def finish_removals(sessions: Sessions) -> None:
    """As workers leave it: the objects are gone, and the jobs have ended."""
    async with sessions.begin() as session:
        await session.execute(update(Document).values(removed_at=func.now()))
        await session.execute(update(Job).values(status=Status.COMPLETED, finished_at=func.now()))


async def give_out_url(sessions: Sessions, home: Home, name: str = "a.txt") -> UUID:
    """The document for which the URL was given out."""
    async with sessions.begin() as session:
        await UploadRepository(session, home.tenant_id, home.dataset_id).expect(
            [Expected(f"{home.dataset_id}/{name}", name, None, None)], expiry=HOUR
        )
    return (await document_of(sessions, home, name)).id


async def expire_urls(sessions: Sessions, *, ago: timedelta) -> None:
    async with sessions.begin() as session:
        await session.execute(update(UploadHint).values(expires_at=func.now() - ago))


async def test_older_generations_are_purged_and_neither_the_live_one_nor_the_one_being_built(
    sessions: Sessions, home: Home, vectors: VectorStore, upkeep: Upkeep
) -> None:
    document_id = await searchable(sessions, home, chunks=3)
    for generation, count in ((1, 2), (2, 4), (3, 3), (4, 1)):
        await write_rows(vectors, home, document_id, generation=generation, count=count)
    await change_document(
        sessions,
        document_id,
        generation=4,
        live_generation=3,
        building_etag="e2",
        building_fingerprint="f",
        purge_after=AGO,
    )

    await upkeep.round()

    assert await rows_of(vectors, home, document_id) == {3: 3, 4: 1}
    assert (await document_of(sessions, home)).purge_after is None


async def test_nothing_is_purged_before_its_time(
    sessions: Sessions, home: Home, vectors: VectorStore, upkeep: Upkeep
) -> None:
    document_id = await searchable(sessions, home, chunks=1)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    await change_document(
        sessions, document_id, generation=2, live_generation=2, purge_after=func.now() + HOUR
    )

    await upkeep.round()

    assert await rows_of(vectors, home, document_id) == {1: 1, 2: 1}


async def test_of_a_document_that_is_not_live_only_what_is_being_built_stays(
    sessions: Sessions, home: Home, vectors: VectorStore, upkeep: Upkeep
) -> None:
    document_id = await searchable(sessions, home, chunks=1)
    for generation in (1, 2):
        await write_rows(vectors, home, document_id, generation=generation, count=1)
    await change_document(
        sessions,
        document_id,
        generation=2,
        live_generation=None,
        building_etag="e2",
        building_fingerprint="f",
        purge_after=AGO,
    )

    await upkeep.round()

    assert await rows_of(vectors, home, document_id) == {2: 1}


async def test_of_a_removed_document_nothing_stays_and_its_neighbour_keeps_all(
    *,
    sessions: Sessions,
    home: Home,
    vectors: VectorStore,
    objects: ObjectStore,
    upkeep: Upkeep,
    tmp_path: Path,
) -> None:
    removed = await searchable(sessions, home, "removed.txt", chunks=1)
    neighbour = await searchable(sessions, home, "neighbour.txt", chunks=1)
    text = tmp_path / "text"
    text.write_text("derived")
    for document_id in (removed, neighbour):
        await write_rows(vectors, home, document_id, generation=1, count=1)
        await objects.put_derived(f"{document_id}/text", text)
    await change_document(
        sessions, removed, live_generation=None, removed_at=func.now(), purge_after=AGO
    )

    await upkeep.round()

    assert await rows_of(vectors, home, removed) == {}
    assert await rows_of(vectors, home, neighbour) == {1: 1}
    assert not await objects.get_derived(f"{removed}/text", to=tmp_path / "a")
    assert await objects.get_derived(f"{neighbour}/text", to=tmp_path / "b")


async def test_the_documents_of_a_deleted_dataset_are_buried(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await searchable(sessions, home, "live.txt", chunks=1)
    await apply(sessions, home.change("queued.txt"))
    await delete_dataset(sessions, home)

    await upkeep.round()

    for name in ("live.txt", "queued.txt"):
        document = await document_of(sessions, home, name)
        assert document.deleted_at is not None
        assert document.live_generation is None
    unfinished = [job for job in await jobs_of(sessions, home) if job.status == Status.QUEUED]
    assert [job.reason for job in unfinished] == ["delete", "delete"]


async def test_a_removal_whose_job_was_lost_gets_another_one(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    document_id = await searchable(sessions, home, chunks=1)
    await change_document(sessions, document_id, deleted_at=func.now())

    await upkeep.round()
    await upkeep.round()

    jobs = await jobs_of(sessions, home)
    assert [(job.reason, job.status) for job in jobs] == [
        ("event", Status.COMPLETED),
        ("delete", Status.QUEUED),
    ]


@pytest.mark.usefixtures("no_dataset_grace")
async def test_a_deleted_dataset_is_purged_once_nothing_of_it_is_left(
    sessions: Sessions, home: Home, vectors: VectorStore, upkeep: Upkeep
) -> None:
    document_id = await searchable(sessions, home, chunks=1)
    await write_rows(vectors, home, document_id, generation=1, count=1)
    await delete_dataset(sessions, home)

    await upkeep.round()
    await upkeep.round()
    while_removing = (await dataset_of(sessions, home)).purged_at
    await finish_removals(sessions)
    await upkeep.round()

    assert while_removing is None
    assert (await dataset_of(sessions, home)).purged_at is not None
    assert await rows_of(vectors, home, document_id) == {}


@pytest.mark.usefixtures("no_dataset_grace")
async def test_a_deleted_dataset_is_not_purged_while_an_upload_url_is_valid(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await give_out_url(sessions, home)
    await delete_dataset(sessions, home)
    await upkeep.round()
    await finish_removals(sessions)

    await upkeep.round()
    while_valid = (await dataset_of(sessions, home)).purged_at
    await expire_urls(sessions, ago=timedelta(seconds=1))
    await upkeep.round()

    assert while_valid is None
    assert (await dataset_of(sessions, home)).purged_at is not None


async def test_a_deleted_dataset_is_left_alone_for_a_grace(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await delete_dataset(sessions, home)

    await upkeep.round()

    assert (await dataset_of(sessions, home)).purged_at is None


@pytest.mark.usefixtures("no_dataset_grace")
async def test_a_purge_takes_no_other_datasets_rows(
    sessions: Sessions, home: Home, vectors: VectorStore, upkeep: Upkeep
) -> None:
    async with sessions.begin() as session:
        other = Dataset(tenant_id=home.tenant_id, name="other", live_space=SPACE)
        session.add(other)
    kept = Home(home.tenant_id, other.id)
    document_id = await searchable(sessions, kept, chunks=1)
    await write_rows(vectors, kept, document_id, generation=1, count=1)
    await delete_dataset(sessions, home)

    await upkeep.round()

    assert (await dataset_of(sessions, home)).purged_at is not None
    assert await rows_of(vectors, kept, document_id) == {1: 1}


async def test_an_upload_url_that_ran_out_unused_hides_its_document(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await give_out_url(sessions, home)
    await expire_urls(sessions, ago=UPLOAD_GRACE + timedelta(seconds=1))

    await upkeep.round()

    assert (await document_of(sessions, home)).removed_at is not None
    async with sessions() as session:
        assert list(await session.scalars(select(UploadHint))) == []


async def test_a_url_that_ran_out_just_now_may_still_be_in_use(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await give_out_url(sessions, home)
    await expire_urls(sessions, ago=timedelta(seconds=1))

    await upkeep.round()

    assert (await document_of(sessions, home)).removed_at is None


async def test_an_old_url_beside_a_valid_one_hides_nothing(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await give_out_url(sessions, home)
    await expire_urls(sessions, ago=UPLOAD_GRACE + timedelta(seconds=1))
    await give_out_url(sessions, home)

    await upkeep.round()

    assert (await document_of(sessions, home)).removed_at is None


async def test_an_unused_url_for_an_overwrite_hides_nothing(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await searchable(sessions, home, chunks=1)
    await give_out_url(sessions, home)
    await expire_urls(sessions, ago=UPLOAD_GRACE + timedelta(seconds=1))

    await upkeep.round()

    document = await document_of(sessions, home)
    assert (document.removed_at, document.live_generation) == (None, 1)


async def test_an_upload_that_comes_after_all_revives_its_document(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    await give_out_url(sessions, home)
    await expire_urls(sessions, ago=UPLOAD_GRACE + timedelta(seconds=1))
    await upkeep.round()

    await apply(sessions, home.change())

    assert (await document_of(sessions, home)).removed_at is None
    assert [job.status for job in await jobs_of(sessions, home)] == [Status.QUEUED]


async def test_answers_kept_for_idempotency_keys_go_after_a_day(
    sessions: Sessions, home: Home, upkeep: Upkeep
) -> None:
    async with sessions.begin() as session:
        for key, age in (("old", KEPT_FOR + timedelta(minutes=1)), ("young", timedelta(0))):
            session.add(
                IdempotentRequest(
                    tenant_id=home.tenant_id,
                    key=key,
                    request_hash=b"",
                    created_at=func.now() - age,
                )
            )

    await upkeep.round()

    async with sessions() as session:
        assert list(await session.scalars(select(IdempotentRequest.key))) == ["young"]
