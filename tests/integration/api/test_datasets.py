"""Datasets over HTTP, from creation with upload URLs to deletion."""

import httpx
from sqlalchemy import select

from db.models import AuditEntry, Dataset, Document, UploadHint
from pipeline.chunk.registry import STRATEGIES
from support.api import Api

DATASETS = "/api/v1/datasets"
FILES = [
    {"file_name": "a.txt", "content_type": "text/plain", "size": 5},
    {"file_name": "folder/b.md"},
]


async def test_a_new_dataset_comes_with_an_upload_url_for_every_file(api: Api) -> None:
    answer = await api.client.post(DATASETS, json={"name": " Reports ", "files": FILES})

    assert answer.status_code == 201, answer.text
    dataset, urls = answer.json()["dataset"], answer.json()["upload_urls"]
    assert dataset["name"] == "Reports"
    assert dataset["status"] == "uploading"
    assert (dataset["document_count"], dataset["chunk_count"], dataset["progress"]["percent"]) == (
        2,
        0,
        0,
    )
    assert dataset["chunking"] == {
        "strategy": "recursive",
        "size": 1000,
        "overlap": 200,
        "heading_prefix": False,
    }
    assert [url["file_name"] for url in urls] == ["a.txt", "folder/b.md"]
    assert urls[0]["object_key"] == f"{dataset['id']}/a.txt"
    assert urls[0]["method"] == "PUT"
    assert urls[0]["headers"] == {"Content-Type": "text/plain", "Content-Length": "5"}
    assert urls[0]["expires_at"].endswith("Z")


async def test_an_upload_url_takes_the_file_with_the_headers_beside_it(api: Api) -> None:
    made = await api.client.post(DATASETS, json={"name": "Reports", "files": FILES})
    url = made.json()["upload_urls"][0]

    async with httpx.AsyncClient() as outside:
        taken = await outside.put(url["upload_url"], content=b"hello", headers=url["headers"])
        refused = await outside.put(
            url["upload_url"], content=b"longer", headers={"Content-Type": "text/plain"}
        )

    assert taken.status_code == 200, taken.text
    assert refused.status_code == 403


async def test_a_name_is_folded_to_the_form_that_the_store_keeps(api: Api) -> None:
    decomposed, composed = "cafe\u0301.txt", "caf\u00e9.txt"

    made = await api.client.post(DATASETS, json={"name": "x", "files": [{"file_name": decomposed}]})
    twice = await api.client.post(
        DATASETS,
        json={"name": "x", "files": [{"file_name": decomposed}, {"file_name": composed}]},
    )

    assert made.json()["upload_urls"][0]["file_name"] == composed
    assert twice.status_code == 400


async def test_a_thousand_files_get_their_urls_in_one_request(api: Api) -> None:
    files = [{"file_name": f"folder/{number:04}.txt"} for number in range(1000)]

    answer = await api.client.post(DATASETS, json={"name": "x", "files": files})

    assert answer.status_code == 201
    assert len(answer.json()["upload_urls"]) == 1000
    assert answer.json()["dataset"]["document_count"] == 1000


async def test_issued_urls_are_written_down_for_the_poller(api: Api) -> None:
    dataset_id = await api.dataset(files=FILES)

    await api.client.post(f"{DATASETS}/{dataset_id}/uploads", json={"files": FILES[:1]})

    async with api.sessions() as session:
        hints = list(
            await session.scalars(
                select(UploadHint).join(Document).where(Document.dataset_id == dataset_id)
            )
        )
    assert len(hints) == 3
    assert all(hint.arrived_at is None for hint in hints)
    assert {round((h.expires_at - h.issued_at).total_seconds()) for h in hints} == {3600}


async def test_a_list_goes_on_where_its_cursor_points(api: Api) -> None:
    made = [str(await api.dataset(name=f"n{number}")) for number in range(5)]

    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = "?limit=2" + ("" if cursor is None else f"&cursor={cursor}")
        page = (await api.client.get(f"{DATASETS}{query}")).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == made[::-1]


async def test_a_change_touches_only_what_it_names(api: Api) -> None:
    dataset_id = await api.dataset(chunking={"size": 500, "overlap": 50})
    path = f"{DATASETS}/{dataset_id}"

    renamed = await api.client.patch(path, json={"name": "New", "priority": 7})
    paused = await api.client.patch(path, json={"paused": True})
    cut = await api.client.patch(path, json={"chunking": {"size": 600}})
    impossible = await api.client.patch(path, json={"chunking": {"overlap": 600}})
    resumed = await api.client.patch(path, json={"paused": False})

    assert (renamed.json()["name"], renamed.json()["priority"]) == ("New", 7)
    assert paused.json()["paused"] is True
    assert cut.json()["chunking"] == {
        "strategy": "recursive",
        "size": 600,
        "overlap": 50,
        "heading_prefix": False,
    }
    assert impossible.status_code == 400
    last = resumed.json()
    assert (last["paused"], last["name"], last["chunking"]["size"]) == (False, "New", 600)


async def test_another_strategy_comes_with_its_own_sizes_and_keeps_the_rest(api: Api) -> None:
    dataset_id = await api.dataset(chunking={"size": 600, "heading_prefix": True})
    path = f"{DATASETS}/{dataset_id}"

    changed = await api.client.patch(path, json={"chunking": {"strategy": "token"}})
    sized = await api.client.patch(path, json={"chunking": {"size": 64, "overlap": 8}})
    back = await api.client.patch(path, json={"chunking": {"strategy": "heading", "size": 900}})

    assert [answer.json()["chunking"] for answer in (changed, sized, back)] == [
        {"strategy": "token", "size": 512, "overlap": 64, "heading_prefix": True},
        {"strategy": "token", "size": 64, "overlap": 8, "heading_prefix": True},
        {"strategy": "heading", "size": 900, "overlap": 200, "heading_prefix": True},
    ]


async def test_the_documentation_names_every_strategy(api: Api) -> None:
    schemas = (await api.client.get("/schema/openapi.json")).json()["components"]["schemas"]

    described = str(schemas["Chunking"]["properties"]["strategy"])
    assert all(strategy in described for strategy in STRATEGIES)


async def test_a_deleted_dataset_is_gone_from_every_answer(api: Api) -> None:
    dataset_id = await api.dataset(files=FILES)
    path = f"{DATASETS}/{dataset_id}"

    deleted = await api.client.delete(path)

    assert (deleted.status_code, deleted.content) == (204, b"")
    for gone in (path, f"{path}/documents", f"/api/v1/jobs/dataset/{dataset_id}/status"):
        assert (await api.client.get(gone)).status_code == 404
    assert (await api.client.delete(path)).status_code == 404
    assert (await api.client.get(DATASETS)).json()["items"] == []
    async with api.sessions() as session:
        dataset = await session.get_one(Dataset, dataset_id)
    assert dataset.deleted_at is not None  # a tombstone, until the poller has removed it all


async def test_every_change_is_in_the_audit_log(api: Api) -> None:
    dataset_id = await api.dataset(files=FILES)
    await api.client.patch(f"{DATASETS}/{dataset_id}", json={"paused": True})
    await api.client.delete(f"{DATASETS}/{dataset_id}")

    async with api.sessions() as session:
        entries = list(
            await session.scalars(
                select(AuditEntry)
                .where(AuditEntry.target == str(dataset_id))
                .order_by(AuditEntry.id)
            )
        )

    assert [entry.action for entry in entries] == [
        "dataset.created",
        "dataset.changed",
        "dataset.deleted",
    ]
    assert all(entry.api_key_id is not None for entry in entries)
    assert entries[1].data == {"paused": True}
