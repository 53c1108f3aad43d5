"""From a presigned upload to a hit, and back out again, through the real processes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic import SecretStr

from data.pictures import encoded, picture
from pipeline.chunk import ChunkSettings, chunker_for
from pipeline.document import Block, BlockKind
from pipeline.settings import ObjectStoreSettings, VectorStoreSettings
from pipeline.store.objects import ObjectStore
from pipeline.store.vectors import VectorStore
from stack.backends import Backends
from support.product import Client, Product

NOTE = b"The observatory opens at nine in the evening, and the dome closes at dawn.\n"


async def test_every_type_of_file_becomes_searchable(
    client: Client, samples: dict[str, bytes]
) -> None:
    dataset = await client.create(samples)

    documents = await client.settled(dataset, count=len(samples), seconds=120)

    failed = {name: doc["error_code"] for name, doc in documents.items() if doc["error_code"]}
    assert failed == {}
    assert all(doc["searchable"] and doc["chunk_count"] > 0 for doc in documents.values())
    kinds = {name.rsplit(".", 1)[1] for name in documents}
    assert kinds >= {
        "txt",
        "md",
        "json",
        "jsonl",
        "csv",
        "tsv",
        "html",
        "pdf",
        "docx",
        "pptx",
        "xlsx",
    }


async def test_a_hit_names_file_and_place(client: Client) -> None:
    dataset = await client.create({"hours.txt": NOTE})
    await client.settled(dataset, count=1)

    [hit] = await client.search(dataset, "when does the dome close", mode="keyword")

    [job] = await client.jobs(dataset)
    assert job["chunks_done"] == 1
    assert job["tokens"] > 0
    assert hit["file_name"] == "hours.txt"
    assert NOTE.decode()[hit["char_start"] : hit["char_end"]] == hit["text"]


async def test_a_scan_is_found_by_its_words_and_a_picture_without_any_says_so(
    client: Client,
) -> None:
    scan = picture(("Three loaves of rye,", "to be fetched at noon."), size=(480, 200))
    files = {"scan.png": encoded([scan], "PNG"), "empty.png": encoded([picture(())], "PNG")}
    dataset = await client.create(files)
    documents = await client.settled(dataset, count=2, seconds=120)

    [hit] = await client.search(dataset, "loaves of rye", mode="keyword")
    details = {
        name: await client.call("GET", f"/datasets/{dataset}/documents/{document['id']}")
        for name, document in documents.items()
    }

    assert (hit["file_name"], hit["page"]) == ("scan.png", 1)
    [note] = details["scan.png"]["page_notes"]
    assert (note["page"], note["reason"]) == (1, "ocr")
    assert note["confidence"] > 0.9
    assert details["scan.png"]["pages_by_ocr"] == 1
    assert details["empty.png"]["warnings"] == ["no_text_found"]
    [note] = details["empty.png"]["page_notes"]
    assert (note["page"], note["reason"]) == (1, "blank")


async def test_an_overwrite_replaces_the_text_and_embeds_only_what_is_new(client: Client) -> None:
    dataset = await client.create({"a.txt": b"Alpha is the old word."})
    await client.settled(dataset, count=1)
    await client.upload(dataset, {"a.txt": b"Beta is the new word."})

    async def replaced() -> bool:
        hits = await client.search(dataset, "word", mode="keyword")
        return [hit["text"] for hit in hits] == ["Beta is the new word."]

    assert await client.until(replaced)


async def test_the_same_file_again_costs_nothing(client: Client) -> None:
    text = b"What no other document says. " + NOTE
    dataset = await client.create({"a.txt": text})
    [document] = (await client.settled(dataset, count=1)).values()
    await client.upload(dataset, {"a.txt": text})
    await client.call("POST", f"/datasets/{dataset}/uploads/complete")

    async def all_done() -> list[dict[str, Any]]:
        jobs = await client.jobs(dataset)
        return jobs if all(job["status"] == "completed" for job in jobs) else []

    jobs = await client.until(all_done)
    attempts = [
        attempt
        for job in jobs
        for attempt in (await client.call("GET", f"/jobs/{job['task_id']}/attempts"))["items"]
    ]
    assert sum(attempt["chunks_embedded"] for attempt in attempts) == document["chunk_count"]


async def test_a_deleted_document_is_out_of_search_at_once_and_its_object_goes(
    client: Client,
) -> None:
    dataset = await client.create({"a.txt": NOTE, "b.txt": b"Something else entirely."})
    documents = await client.settled(dataset, count=2)

    await client.call("DELETE", f"/datasets/{dataset}/documents/{documents['a.txt']['id']}")

    assert await client.search(dataset, "dome", mode="keyword") == []
    assert set(await client.documents(dataset)) == {"b.txt"}

    async def removed() -> bool:
        [job] = [job for job in await client.jobs(dataset) if job["reason"] == "delete"]
        return bool(job["status"] == "completed")

    assert await client.until(removed)
    response = await client.http.post(
        "/jobs", json={"dataset_id": dataset, "object_key": f"{dataset}/a.txt"}
    )
    assert response.status_code == 404  # the object is gone from the bucket


async def test_a_file_uploaded_again_after_its_delete_is_searchable_again(client: Client) -> None:
    dataset = await client.create({"a.txt": NOTE})
    [document] = (await client.settled(dataset, count=1)).values()
    await client.call("DELETE", f"/datasets/{dataset}/documents/{document['id']}")
    await client.upload(dataset, {"a.txt": b"The dome was rebuilt."})

    async def found() -> list[dict[str, Any]]:
        return await client.search(dataset, "dome rebuilt", mode="keyword")

    [hit] = await client.until(found)
    assert hit["text"] == "The dome was rebuilt."


async def test_a_delete_takes_along_what_was_uploaded_before_it_also_if_no_event_told(
    client: Client, product: Product
) -> None:
    dataset = await client.create({"a.txt": NOTE})
    [document] = (await client.settled(dataset, count=1)).values()
    environment = product.environment
    faults = environment["SLUICE_CF_API_URL"].removesuffix("/client/v4") + "/_standin/faults"
    headers = {"Authorization": f"Bearer {environment['CF_API_TOKEN']}"}
    lost = await client.bucket.put(faults, json={"events_to_drop": 1}, headers=headers)
    assert lost.is_success, lost.text
    await client.upload(dataset, {"a.txt": b"The dome was rebuilt."})
    await client.call("DELETE", f"/datasets/{dataset}/documents/{document['id']}")

    async def removed() -> bool:
        removals = [job for job in await client.jobs(dataset) if job["reason"] == "delete"]
        return bool(removals) and removals[0]["status"] == "completed"

    await client.until(removed)
    response = await client.http.post(
        "/jobs", json={"dataset_id": dataset, "object_key": f"{dataset}/a.txt"}
    )
    assert response.status_code == 404  # the object is gone from the bucket


async def test_the_same_bytes_uploaded_again_right_after_a_delete_stay(client: Client) -> None:
    dataset = await client.create({"a.txt": NOTE})
    [document] = (await client.settled(dataset, count=1)).values()
    # The store tells the age of an object to the second.
    await asyncio.sleep(1.1)
    await client.call("DELETE", f"/datasets/{dataset}/documents/{document['id']}")
    await client.upload(dataset, {"a.txt": NOTE})

    async def back_and_at_rest() -> bool:
        states = [job["status"] for job in await client.jobs(dataset)]
        return set(states) == {"completed"} and set(await client.documents(dataset)) == {"a.txt"}

    await client.until(back_and_at_rest)
    [hit] = await client.search(dataset, "dome", mode="keyword")
    assert hit["file_name"] == "a.txt"


async def test_two_hundred_small_files_are_each_indexed_once(
    client: Client, product: Product
) -> None:
    files = {f"note-{number:03}.txt": note(number) for number in range(200)}
    dataset = await client.create(files)

    documents = await client.settled(dataset, count=200, seconds=120)

    assert {name: doc["chunk_count"] for name, doc in documents.items()} == {
        name: len(chunks_by_hand(body.decode())) for name, body in files.items()
    }
    assert {doc["status"] for doc in documents.values()} == {"completed"}
    rows = [stored async for stored in stored_generations(product, dataset)]
    assert sum(rows) == sum(document["chunk_count"] for document in documents.values())


def note(number: int) -> bytes:
    """Between one and five chunks of text, different for each number."""
    sentences = [
        f"Entry {number}.{line}: the telescope pointed at field {number * 31 + line} all night."
        for line in range(3 + number % 40)
    ]
    return "\n".join(sentences).encode()


def chunks_by_hand(text: str) -> list[str]:
    chunker = chunker_for(ChunkSettings())
    block = Block(text=text, kind=BlockKind.PARAGRAPH, char_start=0, separator="")
    return [chunk.text for chunk in [*chunker.feed(block), *chunker.finish()]]


async def test_a_missed_event_is_found_by_the_audit(
    client: Client, product: Product, backends: Backends
) -> None:
    await standin(client, product, "PUT", {"events_to_drop": 1})
    dataset = await client.create({"lost.txt": NOTE})
    faults = await standin(client, product, "GET")

    documents = await client.settled(dataset, count=1, seconds=30)

    assert faults["events_to_drop"] == 0
    assert documents["lost.txt"]["status"] == "completed"
    assert [job["reason"] for job in await client.jobs(dataset)] == ["audit"]


async def test_a_deleted_dataset_is_gone_at_once_and_leaves_nothing_behind(
    client: Client, product: Product
) -> None:
    dataset = await client.create({"a.txt": NOTE, "b.txt": NOTE})
    await client.settled(dataset, count=2)
    assert [rows async for rows in stored_generations(product, dataset)] == [1, 1]

    await client.call("DELETE", f"/datasets/{dataset}")

    assert (await client.http.get(f"/datasets/{dataset}")).status_code == 404

    async def nothing_left() -> bool:
        rows = [rows async for rows in stored_generations(product, dataset)]
        return not rows and not await stored_objects(product, dataset)

    assert await client.until(nothing_left)


async def stored_generations(product: Product, dataset: str) -> AsyncIterator[int]:
    """How many rows the vector store has of each generation of each document."""
    settings = VectorStoreSettings(
        milvus_uri=product.environment["MILVUS_URI"],
        milvus_prefix=product.environment["SLUICE_MILVUS_PREFIX"],
    )
    async with VectorStore.open(settings) as vectors:
        for space in await vectors.spaces():
            async for stored in vectors.generations(space):
                if stored.dataset == dataset:
                    yield stored.rows


async def stored_objects(product: Product, dataset: str) -> list[str]:
    """The keys that the bucket has of a dataset."""
    environment = product.environment
    settings = ObjectStoreSettings(
        r2_account_id=environment["R2_ACCOUNT_ID"],
        r2_access_key_id=SecretStr(environment["R2_ACCESS_KEY_ID"]),
        r2_secret_access_key=SecretStr(environment["R2_SECRET_ACCESS_KEY"]),
        r2_bucket=environment["R2_BUCKET"],
        r2_endpoint_url=environment["SLUICE_R2_ENDPOINT_URL"],
    )
    async with ObjectStore.open(settings) as objects:
        return [listed.key async for listed in objects.list(f"{dataset}/")]


async def standin(
    client: Client, product: Product, method: str, switches: dict[str, Any] | None = None
) -> Any:
    """Ask the Cloudflare stand-in to misbehave."""
    environment = product.environment
    url = environment["SLUICE_CF_API_URL"].removesuffix("/client/v4") + "/_standin/faults"
    response = await client.bucket.request(
        method,
        url,
        json=switches,
        headers={"Authorization": f"Bearer {environment['CF_API_TOKEN']}"},
    )
    assert response.is_success, response.text
    return response.json()


async def test_many_clients_at_once_each_get_their_own(client: Client) -> None:
    datasets = await asyncio.gather(
        *(client.create({f"{number}.txt": f"Only number {number} here.".encode()})
          for number in range(5))
    )  # fmt: skip

    for number, dataset in enumerate(datasets):
        documents = await client.settled(dataset, count=1)
        assert set(documents) == {f"{number}.txt"}
