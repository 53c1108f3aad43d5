"""Datasets over HTTP, from creation with upload URLs to deletion."""

import httpx

from support.api import Api

FILES = [
    {"file_name": "a.txt", "content_type": "text/plain", "size": 5},
    {"file_name": "folder/b.md"},
]


async def test_a_new_dataset_comes_with_an_upload_url_for_every_file(api: Api) -> None:
    answer = await api.client.post("/api/v1/datasets", json={"name": " Reports ", "files": FILES})

    assert answer.status_code == 201, answer.text
    dataset, urls = answer.json()["dataset"], answer.json()["upload_urls"]
    assert dataset["name"] == "Reports"
    assert dataset["status"] == "uploading"
    assert (dataset["document_count"], dataset["chunk_count"], dataset["progress"]) == (2, 0, 0)
    assert [url["file_name"] for url in urls] == ["a.txt", "folder/b.md"]
    assert urls[0]["object_key"] == f"{dataset['id']}/a.txt"
    assert urls[0]["method"] == "PUT"
    assert urls[0]["headers"] == {"Content-Type": "text/plain", "Content-Length": "5"}
    assert urls[0]["expires_at"].endswith("Z") or "+00:00" in urls[0]["expires_at"]


async def test_an_upload_url_takes_the_file_with_the_headers_beside_it(api: Api) -> None:
    made = await api.client.post("/api/v1/datasets", json={"name": "Reports", "files": FILES})
    url = made.json()["upload_urls"][0]

    async with httpx.AsyncClient() as outside:
        answer = await outside.put(url["upload_url"], content=b"hello", headers=url["headers"])

    assert answer.status_code == 200, answer.text
