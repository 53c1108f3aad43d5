"""Search shows what Postgres says is live, and only the dataset's."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from api.resources import Resources
from db.models import Document, Usage
from pipeline.document import Box, Position
from support.api import Api, running
from support.attempts import complete
from support.rows import a_row

DATASETS = "/api/v1/datasets"


def resources_of(api: Api) -> Resources:
    resources: Resources = api.app.litestar.state.resources
    return resources


async def uploaded(api: Api, dataset_id: UUID, name: str) -> dict[str, Any]:
    """The job that an upload made."""
    path, files = f"{DATASETS}/{dataset_id}/uploads", {"files": [{"file_name": name}]}
    [url] = (await api.client.post(path, json=files)).json()["upload_urls"]
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


async def indexed(api: Api, dataset_id: UUID, name: str, *texts: str, **position: Any) -> UUID:
    """A searchable document of these chunks; returns its id."""
    job = await uploaded(api, dataset_id, name)
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


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
async def test_a_hit_says_where_it_stands(api: Api, mode: str) -> None:
    dataset_id = await api.dataset()
    document_id = await indexed(
        api,
        dataset_id,
        "whales.pdf",
        "Whales sing in the deep.",
        page=3,
        box=Box(72, 90.5, 300, 110),
    )

    answer = await answer_of(api, dataset_id, "Whales sing in the deep.", mode=mode)

    [hit] = answer["hits"]
    assert hit["text"] == "Whales sing in the deep."
    assert hit["document_id"] == str(document_id)
    assert (hit["file_name"], hit["page"]) == ("whales.pdf", 3)
    assert hit["box"] == {"left": 72, "top": 90.5, "right": 300, "bottom": 110}
    assert (hit["char_start"], hit["char_end"]) == (0, 24)
    assert hit["heading_path"] == []
    assert hit["score"] > 0
    assert len(hit["chunk_id"]) == 52


async def test_a_hit_of_a_format_without_pages_has_no_box(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "whales.txt", "Whales sing in the deep.", line=1)

    [hit] = (await answer_of(api, dataset_id, "whales"))["hits"]

    assert (hit["page"], hit["line"], hit["box"]) == (None, 1, None)


async def test_a_dataset_without_documents_has_no_hits(api: Api) -> None:
    assert await texts_of(api, await api.dataset(), "anything") == []


async def test_another_dataset_of_the_same_tenant_is_not_searched(api: Api) -> None:
    mine, other = await api.dataset(), await api.dataset()
    await indexed(api, mine, "a.txt", "mine about whales")
    await indexed(api, other, "a.txt", "other about whales")

    assert await texts_of(api, mine, "whales") == ["mine about whales"]


async def test_rows_that_are_being_built_are_not_shown(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a.txt", "whales of old")
    job = await uploaded(api, dataset_id, "a.txt")
    await written(api, job, "whales of tomorrow")
    await written(api, job, "whales of nobody", ahead=7)  # a stale worker's

    before = await texts_of(api, dataset_id, "whales")
    await complete(api.sessions, UUID(job["task_id"]), chunks=1)
    after = await texts_of(api, dataset_id, "whales")

    assert (before, after) == (["whales of old"], ["whales of tomorrow"])


async def test_dead_rows_take_no_place_on_the_page(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a.txt", *["whales"] * 5)
    job = await uploaded(api, dataset_id, "a.txt")
    # Better matches than every live row, and more of them than one round fetches.
    await written(api, job, *["whales"] * 120, ahead=9)

    for mode in ("keyword", "dense", "hybrid"):
        assert await texts_of(api, dataset_id, "whales", mode=mode, limit=5) == ["whales"] * 5


async def test_a_deleted_document_is_out_of_search_at_once(api: Api) -> None:
    dataset_id = await api.dataset()
    document_id = await indexed(api, dataset_id, "a.txt", "whales")

    await api.client.delete(f"{DATASETS}/{dataset_id}/documents/{document_id}")

    assert await texts_of(api, dataset_id, "whales") == []


async def test_a_filter_narrows_the_search(api: Api) -> None:
    dataset_id = await api.dataset()
    document_id = await indexed(api, dataset_id, "a.pdf", "whales one", page=1)
    await indexed(api, dataset_id, "b.pdf", "whales two", page=2)

    assert await texts_of(api, dataset_id, "whales", filter={"page": {"gte": 2}}) == ["whales two"]
    assert await texts_of(api, dataset_id, "whales", filter={"file_name": "a.pdf"}) == [
        "whales one"
    ]
    for spelling in (str(document_id), str(document_id).upper()):
        assert await texts_of(api, dataset_id, "whales", filter={"document_id": spelling}) == [
            "whales one"
        ]


async def test_the_tokens_of_a_query_are_written_down(api: Api) -> None:
    dataset_id = await api.dataset()

    await texts_of(api, dataset_id, "how do whales sing", mode="dense")
    await texts_of(api, dataset_id, "how do whales sing", mode="keyword")

    async with api.sessions() as session:
        rows = await session.scalars(select(Usage).where(Usage.dataset_id == dataset_id))
        [usage] = rows
    assert usage.tokens == 4


async def test_without_the_embedder_hybrid_goes_by_words_and_says_so(
    api_environment: dict[str, str],
) -> None:
    nowhere = "http://127.0.0.1:9/v1"
    async with running(api_environment, OPENAI_BASE_URL=nowhere) as api:
        dataset_id = await api.dataset()
        path = f"{DATASETS}/{dataset_id}/search"

        hybrid = await answer_of(api, dataset_id, "whales")
        dense = await api.client.post(path, json={"query": "whales", "mode": "dense"})
        ready = await api.client.get("/health/ready")

    assert hybrid["hits"] == []
    assert "keywords" in hybrid["degraded"]
    assert dense.status_code == 503
    assert dense.json()["code"] == "embedder_unavailable"
    assert int(dense.headers["retry-after"]) >= 1
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert ready.json()["dependencies"]["embedder"]["ok"] is False
