"""Search shows what Postgres says is live, and only the dataset's."""

from uuid import UUID

import pytest
from sqlalchemy import select

from db.models import Usage
from pipeline.document import Box
from support.api import Api, running
from support.attempts import complete
from support.searching import (
    DATASETS,
    answer_of,
    indexed,
    texts_of,
    uploaded,
    written,
)


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
    assert usage.tokens == 5  # as the endpoint counts them


async def test_the_tokens_of_a_query_are_written_down_although_its_search_fails(
    api_environment: dict[str, str],
) -> None:
    async with running(api_environment, MILVUS_URI="http://127.0.0.1:9") as api:
        dataset_id = await api.dataset()
        path = f"{DATASETS}/{dataset_id}/search"
        answer = await api.client.post(path, json={"query": "how do whales sing"})

        async with api.sessions() as session:
            [usage] = await session.scalars(select(Usage).where(Usage.dataset_id == dataset_id))

    assert answer.status_code == 503
    assert (usage.tokens, usage.tokens_counted) == (5, 0)


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
