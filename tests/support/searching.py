"""Searchable documents without a worker, and what a search answers."""

from typing import Any
from uuid import UUID

import httpx

from api.resources import Resources
from db.models import Document
from pipeline.document import Position
from support.api import Api
from support.attempts import complete
from support.rows import a_row

DATASETS = "/api/v1/datasets"


def resources_of(api: Api) -> Resources:
    resources: Resources = api.app.litestar.state.resources
    return resources


async def uploaded(
    api: Api, dataset_id: UUID, name: str, metadata: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The job that an upload made."""
    path, files = f"{DATASETS}/{dataset_id}/uploads", {"files": [{"file_name": name}]}
    wanted = {"files": [{"file_name": name, "metadata": metadata}]}
    [url] = (await api.client.post(path, json=wanted)).json()["upload_urls"]
    async with httpx.AsyncClient() as outside:
        await outside.put(url["upload_url"], content=b"x", headers=url["headers"])
    [job] = (await api.client.post(f"{path}/complete", json=files)).json()["jobs"]
    found: dict[str, Any] = job
    return found


async def written(
    api: Api, job: dict[str, Any], *texts: str, ahead: int = 1, **position: Any
) -> None:
    """Rows of the generation that the job is about to build, or of one farther ahead."""
    resources = resources_of(api)
    async with api.sessions() as session:
        document = await session.get_one(Document, UUID(job["document_id"]))
    embedded = await resources.embedder.embed_each(texts)
    vectors = [vector for vector in embedded.vectors if vector is not None]
    rows = [
        a_row(
            ordinal,
            text=text,
            tenant=str(document.tenant_id),
            dataset=job["dataset_id"],
            document=job["document_id"],
            generation=document.generation + ahead,
            dense=vector,
            file_name=job["file_name"],
            position=Position(**position),
        )
        for ordinal, (text, vector) in enumerate(zip(texts, vectors, strict=True))
    ]
    await resources.vectors.write(resources.embedder.model.space, rows)


async def indexed(
    api: Api,
    dataset_id: UUID,
    name: str,
    *texts: str,
    metadata: dict[str, Any] | None = None,
    **position: Any,
) -> UUID:
    """A searchable document of these chunks; returns its id."""
    job = await uploaded(api, dataset_id, name, metadata)
    await written(api, job, *texts, **position)
    await complete(api.sessions, UUID(job["task_id"]), chunks=len(texts))
    return UUID(job["document_id"])


async def answer_of(api: Api, dataset_id: UUID, query: str, **body: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{DATASETS}/{dataset_id}/search", json={"query": query, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def texts_of(api: Api, dataset_id: UUID, query: str, **body: Any) -> list[str]:
    answer = await answer_of(api, dataset_id, query, **body)
    assert answer["degraded"] is None
    return [hit["text"] for hit in answer["hits"]]
