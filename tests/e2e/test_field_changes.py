"""What users of rival systems suffer when documents change or go: none of it here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stack.backends import Backends
from support.buckets import store_client
from support.field import (
    Embedder,
    attempts_at,
    book,
    chunks_of,
    embedded_in,
    job_of,
    misbehave,
    report,
    rows_of,
)
from support.product import Client, Product

SEARCHERS = 4
SEARCHES_MIN = 50  # on a machine that has a lot to do; a thousand on one that has not


async def test_an_edit_neither_embeds_everything_nor_leaves_stale_chunks_nor_a_gap(
    client: Client, product: Product
) -> None:
    """Field scenario 9."""
    embedder = Embedder(client, product)
    paragraphs = report("the survey", 1_050)
    paragraphs[400] = paragraphs[400].replace("tells", "of the heliometer tells")
    old = "\n\n".join(paragraphs)
    paragraphs[400] = "The dome burned down. " + paragraphs[400].replace("tells", "told")
    new = "\n\n".join(paragraphs)
    dataset = await client.create({"survey.txt": old.encode()})
    [before] = (await client.settled(dataset, count=1, seconds=120)).values()
    paid = await embedder.inputs()

    async with searching(client, dataset, "heliometer") as seen:
        await client.upload(dataset, {"survey.txt": new.encode()})
        await client.until(lambda: changed(client, dataset, before["etag"]), seconds=90)
        # Until the old rows are purged: from the first to the last moment of the change.
        rows = await settled_rows(client, product, dataset)
    changed_chunks = {*chunks_of(new)} - {*chunks_of(old)}
    hybrid_queries = len([1 for mode, _ in seen if mode == "hybrid"])

    assert before["chunk_count"] == len(chunks_of(old)) > 1_000
    assert 0 < len(changed_chunks) <= 3
    # Besides the changed chunks, only queries were embedded.
    assert await embedder.inputs() - paid == len(changed_chunks) + hybrid_queries
    assert {version_of(hits, old, new) for mode, hits in seen if mode == "keyword"} == {
        "old",
        "new",
    }
    # The nearest vectors are also of text that both versions have.
    assert {version_of(hits, old, new) for _, hits in seen} <= {"old", "new", "both"}
    assert len(seen) > SEARCHES_MIN
    assert sorted(row["text"] for row in rows) == sorted(chunks_of(new))


async def changed(client: Client, dataset: str, etag: str) -> bool:
    [document] = (await client.documents(dataset)).values()
    return bool(document["etag"] != etag and document["status"] == "completed")


@asynccontextmanager
async def searching(
    client: Client, dataset: str, query: str
) -> AsyncIterator[list[tuple[str, list[dict[str, Any]]]]]:
    """Searches without pause; what each one found, by its mode."""
    seen: list[tuple[str, list[dict[str, Any]]]] = []
    stop = asyncio.Event()

    async def search(mode: str) -> None:
        while not stop.is_set():
            seen.append((mode, await client.search(dataset, query, mode=mode)))

    async with asyncio.TaskGroup() as tasks:
        for number in range(SEARCHERS):
            tasks.create_task(search("hybrid" if number == 0 else "keyword"))
        try:
            yield seen
        finally:
            stop.set()


def version_of(hits: list[dict[str, Any]], old: str, new: str) -> str:
    """Of which text all the hits are: some chunks are of both, some of one, none of neither."""
    texts = {hit["text"] for hit in hits}
    of_old, of_new = texts <= {*chunks_of_once(old)}, texts <= {*chunks_of_once(new)}
    if not texts or not (of_old or of_new):
        return "neither"
    if of_old and of_new:
        return "both"
    return "old" if of_old else "new"


_CUT: dict[str, list[str]] = {}


def chunks_of_once(text: str) -> list[str]:
    if text not in _CUT:
        _CUT[text] = chunks_of(text)
    return _CUT[text]


async def settled_rows(client: Client, product: Product, dataset: str) -> list[dict[str, Any]]:
    """The rows, once those of old generations are purged."""

    async def of_one_generation() -> list[dict[str, Any]]:
        rows = await rows_of(product, dataset)
        generations = {(row["document"], row["generation"]) for row in rows}
        return rows if len(generations) == len(await client.documents(dataset)) else []

    rows: list[dict[str, Any]] = await client.until(of_one_generation, seconds=90)
    return rows


async def test_the_same_file_uploaded_again_embeds_nothing(
    client: Client, product: Product
) -> None:
    embedder = Embedder(client, product)
    files = {"a.txt": book("same", 200).encode()}
    dataset = await client.create(files)
    await client.settled(dataset, count=1)
    paid = await embedder.inputs()

    await client.upload(dataset, files)
    await client.call("POST", f"/datasets/{dataset}/uploads/complete")
    await client.settled(dataset, count=1)

    assert await embedder.inputs() == paid


@pytest.mark.parametrize("store_is", ["up", "down"])
async def test_a_delete_reaches_the_vector_store_even_if_that_was_down(
    client: Client, product: Product, backends: Backends, store_is: str
) -> None:
    """Field scenario 8: of a file, of a dataset, of the object in the bucket."""
    note = b"The dome closes at dawn."
    dataset = await client.create({"file.txt": note, "object.txt": note, "stays.txt": note})
    other = await client.create({"dataset.txt": note})
    documents = await client.settled(dataset, count=3)
    await client.settled(other, count=1)
    if store_is == "down":
        backends.kill("milvus")
    try:
        await client.call("DELETE", f"/datasets/{dataset}/documents/{documents['file.txt']['id']}")
        await client.call("DELETE", f"/datasets/{other}")
        assert set(await client.documents(dataset)) == {"object.txt", "stays.txt"}
        async with store_client(product.environment) as bucket:
            await bucket.delete_object(
                Bucket=product.environment["R2_BUCKET"], Key=f"{dataset}/object.txt"
            )
    finally:
        await asyncio.to_thread(backends.start, "milvus")

    # From here on the store answers: what is deleted is out of search at once, and soon gone.
    hits = await client.search(dataset, "dome", mode="keyword")
    assert "file.txt" not in {hit["file_name"] for hit in hits}
    assert (
        await client.http.post(f"/datasets/{other}/search", json={"query": "dome"})
    ).status_code == 404

    async def gone() -> bool:
        left = [row["document"] for row in await rows_of(product, dataset)]
        return left == [documents["stays.txt"]["id"]] and not await rows_of(product, other)

    await client.until(gone, seconds=60)
    hits = await client.search(dataset, "dome", mode="keyword")
    assert [hit["file_name"] for hit in hits] == ["stays.txt"]


async def test_retries_and_repeated_events_double_no_chunk(
    client: Client, product: Product, backends: Backends
) -> None:
    """Field scenario 7: every event three times, and a failure at every stage."""
    embedder = Embedder(client, product)
    books = {name: book(name, 300) for name in ("quiet", "fetch", "embed", "store")}
    texts = dict(books)
    dataset = await client.create({"quiet.txt": texts.pop("quiet").encode()})
    await client.settled(dataset, count=1)
    await misbehave(client, product, sends_to_duplicate=12, deliveries_to_repeat=12)
    await embedder.switch(broken_share=1, faults_left=2)
    try:
        await client.upload(dataset, {f"{name}.txt": text.encode() for name, text in texts.items()})
        await misbehave(client, product, objects_to_fail=6, deliveries_to_repeat=12)

        async def storing() -> bool:
            # Those of the first file are there already.
            return len({row["document"] for row in await rows_of(product, dataset)}) > 1

        await client.until(storing)
        backends.kill("milvus")
    finally:
        await asyncio.to_thread(backends.start, "milvus")
        await embedder.switch()
        await misbehave(client, product)
    documents = await client.settled(dataset, count=4, seconds=90)

    rows = await settled_rows(client, product, dataset)

    attempts = [a for job in await client.jobs(dataset) for a in await attempts_at(client, job)]
    assert len(attempts) > 4  # some did fail
    assert {document["status"] for document in documents.values()} == {"completed"}
    assert len({row["id"] for row in rows}) == len(rows)
    assert sorted((row["document"], row["ordinal"], row["text"]) for row in rows) == sorted(
        (documents[f"{name}.txt"]["id"], ordinal, text)
        for name, whole in books.items()
        for ordinal, text in enumerate(chunks_of(whole))
    )


async def test_a_job_can_be_retried_whatever_became_of_it(client: Client, product: Product) -> None:
    """Field scenario 11: after a cancel and after a failure, and again."""
    embedder = Embedder(client, product)
    text = book("again", 60)
    # Longer than all that follows: what was paid for before a cancel is not asked for again.
    await embedder.switch(latency_ms=15_000)
    dataset = await client.create({"again.txt": text.encode(), "broken.pdf": b"%PDF-1.7 no more"})
    try:
        job = await client.until(lambda: embedding(client, embedder, dataset))
        for _ in range(2):
            cancelled = await client.call("POST", f"/jobs/{job['task_id']}/cancel")
            assert cancelled["status"] == "cancelled"
            retried = await client.call("POST", f"/jobs/{job['task_id']}/retry")
            assert retried["status"] == "queued"
            await client.until(lambda: embedding(client, embedder, dataset))
    finally:
        await embedder.switch()
    documents = await client.settled(dataset, count=2)
    broken = await job_of(client, dataset, "broken.pdf")
    assert broken is not None
    assert broken["status"] == "failed"
    for status in ("completed", "failed"):
        wrong = await client.http.post(
            f"/jobs/{(job if status == 'completed' else broken)['task_id']}/cancel"
        )
        assert wrong.status_code == 409
    await client.call("POST", f"/jobs/{broken['task_id']}/retry")
    await client.upload(dataset, {"broken.pdf": b"%PDF-1.7 no more", "mended.txt": b"Whole again."})
    documents = await client.settled(dataset, count=3)

    assert {name: doc["status"] for name, doc in documents.items()} == {
        "again.txt": "completed",
        "broken.pdf": "failed",
        "mended.txt": "completed",
    }
    assert documents["again.txt"]["chunk_count"] == len(chunks_of(text))
    assert await embedded_in(client, [job]) >= len(chunks_of(text))


async def embedding(client: Client, embedder: Embedder, dataset: str) -> dict[str, Any] | None:
    """The job of the one file that is embedded, once that is under way."""
    counters = await embedder.counters()
    job = await job_of(client, dataset, "again.txt")
    at_work = job is not None and job["status"] == "processing"
    return job if at_work and counters["requests_in_flight"] else None
