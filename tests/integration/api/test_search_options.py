"""What a search can be asked for besides a query."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest

from db.models import Dataset
from db.repositories.documents import DocumentRepository
from pipeline.analysis import analyse
from pipeline.filters import parse
from pipeline.questions import Mode, Question
from pipeline.search import Searcher
from pipeline.store.rows import Row
from support.api import Api, running
from support.attempts import complete
from support.rows import a_row
from support.searching import (
    DATASETS,
    answer_of,
    indexed,
    resources_of,
    texts_of,
    uploaded,
    written,
)

SEVERAL = "/api/v1/search"


async def names_of(api: Api, dataset_id: UUID, metadata: dict[str, Any]) -> set[str]:
    answer = await answer_of(api, dataset_id, "whales", filter={"metadata": metadata})
    return {hit["file_name"] for hit in answer["hits"]}


async def test_metadata_given_at_upload_narrow_a_search(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a", "whales", metadata={"who": "acme", "year": 2024})
    await indexed(api, dataset_id, "b", "whales", metadata={"who": "umbrella", "year": 2025.5})
    await indexed(api, dataset_id, "c", "whales", metadata={"year": "2024", "paid": True})
    await indexed(api, dataset_id, "d", "whales")

    assert await names_of(api, dataset_id, {"who": "acme"}) == {"a"}
    assert await names_of(api, dataset_id, {"who": {"in": ["acme", "umbrella"]}}) == {"a", "b"}
    assert await names_of(api, dataset_id, {"year": {"gte": 2024, "lte": 2025}}) == {"a"}
    assert await names_of(api, dataset_id, {"year": {"gte": "2000"}}) == {"c"}
    assert await names_of(api, dataset_id, {"paid": True}) == {"c"}
    assert await names_of(api, dataset_id, {"paid": 1}) == set()
    assert await names_of(api, dataset_id, {"who": "acme", "year": 2025.5}) == set()


async def test_changed_metadata_hold_at_once(api: Api) -> None:
    dataset_id = await api.dataset()
    document_id = await indexed(api, dataset_id, "a", "whales", metadata={"who": "acme"})
    path = f"{DATASETS}/{dataset_id}/documents/{document_id}"

    changed = await api.client.patch(path, json={"metadata": {"who": "umbrella"}})
    after_patch = await names_of(api, dataset_id, {"who": "umbrella"})
    await uploaded(api, dataset_id, "a", {"who": "acme again"})
    after_upload = await names_of(api, dataset_id, {"who": "acme again"})
    await uploaded(api, dataset_id, "a")  # says nothing of it
    [hit] = (await answer_of(api, dataset_id, "whales"))["hits"]

    assert changed.json()["metadata"] == {"who": "umbrella"}
    assert (after_patch, after_upload) == ({"a"}, {"a"})
    assert hit["metadata"] == {"who": "acme again"}


@pytest.mark.parametrize(
    "metadata",
    [{f"k{n}": n for n in range(17)}, {"a b": 1}, {"a": "x" * 513}, {"a": [1]}, {"a": None}],
)
async def test_metadata_are_few_small_scalars(api: Api, metadata: dict[str, Any]) -> None:
    dataset_id = await api.dataset()

    refused = await api.client.post(
        f"{DATASETS}/{dataset_id}/uploads",
        json={"files": [{"file_name": "a", "metadata": metadata}]},
    )

    assert refused.status_code == 400
    assert "metadata" in refused.text


async def test_type_and_time_of_the_upload_narrow_a_search(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a", "whales")

    for given, found in (
        ({"media_type": "text/plain"}, ["whales"]),
        ({"media_type": {"in": ["application/pdf"]}}, []),
        ({"uploaded_at": {"gte": "2026-01-01", "lte": "2999-01-01T00:00:00Z"}}, ["whales"]),
        ({"uploaded_at": {"lte": "2020-01-01"}}, []),
    ):
        assert await texts_of(api, dataset_id, "whales", filter=given) == found


async def test_a_filter_that_leaves_too_many_documents_to_be_named_is_right_too(api: Api) -> None:
    dataset_id = await api.dataset()
    for number in range(4):
        await indexed(api, dataset_id, f"{number}", "whales", metadata={"even": number % 2 == 0})
    resources = resources_of(api)
    searcher = Searcher(
        resources.sessions,
        resources.vectors,
        resources.embedder,
        languages=["*"],
        named_documents_max=1,
    )

    answer = await searcher.search(await question_of(api, dataset_id, {"metadata": {"even": True}}))

    assert {hit.row.file_name for hit in answer.hits} == {"0", "2"}
    assert answer.caveats == {}


async def question_of(api: Api, dataset_id: UUID, where: dict[str, Any]) -> Question:
    async with api.sessions() as session:
        tenant_id = (await session.get_one(Dataset, dataset_id)).tenant_id
    return Question(
        tenant_id=tenant_id,
        dataset_ids=(dataset_id,),
        query="whales",
        limit=10,
        mode=Mode.KEYWORD,
        where=parse(where),
    )


async def test_neighbours_are_of_the_live_version_and_end_where_it_ends(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a", "old one", "old whales", "old three")
    job = await uploaded(api, dataset_id, "a")
    await written(api, job, "zero", "one", "two whales", "three")
    await complete(api.sessions, UUID(job["task_id"]), chunks=4)

    [hit] = (await answer_of(api, dataset_id, "whales", mode="keyword", neighbours=2))["hits"]
    [alone] = (await answer_of(api, dataset_id, "whales", mode="keyword"))["hits"]

    assert [each["text"] for each in hit["before"]] == ["zero", "one"]
    assert [each["text"] for each in hit["after"]] == ["three"]
    assert (alone["before"], alone["after"]) == ([], [])


async def test_of_each_document_its_best_passage_only(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a", "whales whales", "whales and more", "whales and so on")
    await indexed(api, dataset_id, "b", "nothing but some whales over there")

    found = await texts_of(api, dataset_id, "whales", mode="keyword", group_by="document")

    assert found == ["whales whales", "nothing but some whales over there"]


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
@pytest.mark.parametrize("group", [None, "document"])
async def test_pages_fit_together(api: Api, mode: str, group: str | None) -> None:
    dataset_id = await api.dataset()
    for number in range(3):
        texts = [f"whales {'and ' * chunk} more" for chunk in range(4)]
        await indexed(api, dataset_id, f"{number}", *texts)
    asked = {"mode": mode, "group_by": group}

    whole = (await answer_of(api, dataset_id, "whales", limit=50, **asked))["hits"]
    pages: list[dict[str, Any]] = []
    offset: int | None = 0
    while offset is not None:
        page = await answer_of(api, dataset_id, "whales", limit=2, offset=offset, **asked)
        pages += page["hits"]
        offset = page["next_offset"]

    assert [hit["chunk_id"] for hit in pages] == [hit["chunk_id"] for hit in whole]
    assert len(whole) == (12 if group is None else 3)


async def test_pages_end_at_a_thousand(api: Api) -> None:
    path = f"{DATASETS}/{await api.dataset()}/search"

    last = await api.client.post(path, json={"query": "x", "offset": 990, "limit": 10})
    beyond = await api.client.post(path, json={"query": "x", "offset": 991, "limit": 10})

    assert (last.status_code, beyond.status_code) == (200, 400)


async def test_a_score_has_its_parts_and_hits_below_the_least_are_left_out(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "a", "whales", "whales and a great many other words")

    first, second = (await answer_of(api, dataset_id, "whales"))["hits"]
    above = second["scores"]["keyword"] + 0.001
    words = await texts_of(api, dataset_id, "whales", mode="keyword", min_score=above)
    meaning = await texts_of(api, dataset_id, "whales", mode="dense", min_score=0.9)
    both = await texts_of(api, dataset_id, "whales", min_score=0.99)

    assert first["score"] == pytest.approx(1)
    assert first["scores"] | {"keyword": 0} == {
        "dense": pytest.approx(1, abs=1e-3),
        "dense_rank": 1,
        "keyword": 0,
        "keyword_rank": 1,
        "rerank": None,
    }
    assert words == meaning == both == ["whales"]


async def test_weights_decide_between_words_and_meaning(api: Api) -> None:
    dataset_id = await api.dataset()
    # The vector of the first is that of the query, the words of the second are.
    job = await uploaded(api, dataset_id, "a")
    [vector, other] = (await resources_of(api).embedder.embed_each(["blue whales", "x"])).vectors
    assert vector is not None
    assert other is not None
    rows = [
        a_row(0, text="large animals", dense=vector),
        a_row(1, text="blue whales", dense=other),
    ]
    await stored(api, job, rows)

    for weights, first in (
        ({"dense": 3, "keyword": 1}, "large animals"),
        ({"dense": 1, "keyword": 3}, "blue whales"),
        ({"dense": 1, "keyword": 0}, "large animals"),
        ({"dense": 0, "keyword": 1}, "blue whales"),
    ):
        assert (await texts_of(api, dataset_id, "blue whales", weights=weights))[0] == first
    refused = await api.client.post(
        f"{DATASETS}/{dataset_id}/search",
        json={"query": "x", "weights": {"dense": 0, "keyword": 0}},
    )
    assert refused.status_code == 400


async def stored(api: Api, job: dict[str, Any], rows: list[Row]) -> None:
    """These rows as the live version of the job's document."""
    resources = resources_of(api)
    async with api.sessions() as session:
        dataset = await session.get_one(Dataset, UUID(job["dataset_id"]))
    await resources.vectors.write(
        resources.embedder.model.space,
        [
            replace(
                row,
                tenant=str(dataset.tenant_id),
                dataset=job["dataset_id"],
                document=job["document_id"],
                generation=1,
            )
            for row in rows
        ],
    )
    await complete(api.sessions, UUID(job["task_id"]), chunks=len(rows))


async def test_a_word_is_found_in_the_forms_of_its_language(api: Api) -> None:
    dataset_id = await api.dataset()
    job = await uploaded(api, dataset_id, "a")
    text = "Die Häuser der Stadt sind alt"
    await stored(
        api, job, [a_row(0, text=text, tokens=analyse(text, language="de"), dense=[0.1] * 384)]
    )
    async with api.sessions.begin() as session:
        for _ in range(2):
            await DocumentRepository(session).note_language(dataset_id, "de")

    [hit] = (await answer_of(api, dataset_id, "Haus", mode="keyword"))["hits"]

    [mark] = hit["highlights"]
    assert text[mark["start"] : mark["end"]] == "Häuser"
    async with api.sessions() as session:
        assert (await session.get_one(Dataset, dataset_id)).languages == ["de"]


async def test_the_original_can_be_had_by_a_url(api: Api) -> None:
    dataset_id = await api.dataset()
    await indexed(api, dataset_id, "some folder/a.txt", "whales")

    [hit] = (await answer_of(api, dataset_id, "whales", include_url=True))["hits"]
    [without] = (await answer_of(api, dataset_id, "whales"))["hits"]
    async with httpx.AsyncClient() as outside:
        original = await outside.get(hit["url"])

    assert (original.status_code, original.content) == (200, b"x")
    assert "a.txt" in original.headers["content-disposition"]
    assert hit["url_expires_at"] > hit["uploaded_at"]
    assert (without["url"], without["url_expires_at"]) == (None, None)


async def test_several_datasets_are_searched_at_once_and_no_others(api: Api) -> None:
    one, two, three = [await api.dataset() for _ in range(3)]
    for dataset_id, text in ((one, "whales of one"), (two, "whales of two"), (three, "whales")):
        await indexed(api, dataset_id, "a", text)
    stranger = api.as_key(await api.tenant_key())

    async def found(client: httpx.AsyncClient, **asked: Any) -> set[str]:
        answer = await client.post(SEVERAL, json={"query": "whales", **asked})
        assert answer.status_code == 200, answer.text
        return {hit["dataset_id"] for hit in answer.json()["hits"]}

    assert await found(api.client, dataset_ids=[str(one), str(two)]) == {str(one), str(two)}
    assert await found(api.client) == {str(one), str(two), str(three)}
    assert await found(stranger) == set()
    refused = await stranger.post(SEVERAL, json={"query": "x", "dataset_ids": [str(one)]})
    assert refused.json()["code"] == "dataset_not_found"


async def test_datasets_of_another_model_are_found_by_words_and_it_is_said(api: Api) -> None:
    mine, foreign = await api.dataset(), await api.dataset()
    await indexed(api, mine, "a", "whales here")
    async with api.sessions.begin() as session:
        (await session.get_one(Dataset, foreign)).live_space = "space_of_another"
    job = await uploaded(api, foreign, "b")
    row = a_row(0, text="whales there", dataset=str(foreign), document=job["document_id"])
    async with api.sessions() as session:
        tenant = str((await session.get_one(Dataset, foreign)).tenant_id)
    await resources_of(api).vectors.write(
        "space_of_another", [a_row(0, **{**fields_of(row), "tenant": tenant})]
    )
    await complete(api.sessions, UUID(job["task_id"]), chunks=1)

    answer = (await api.client.post(SEVERAL, json={"query": "whales"})).json()
    dense = await api.client.post(
        f"{DATASETS}/{foreign}/search", json={"query": "whales", "mode": "dense"}
    )

    assert {hit["text"] for hit in answer["hits"]} == {"whales here", "whales there"}
    assert [caveat["code"] for caveat in answer["caveats"]] == ["keywords_only"]
    assert (dense.status_code, dense.json()["code"]) == (503, "embedding_space_unavailable")


def fields_of(row: Row) -> dict[str, Any]:
    return {"text": row.text, "dataset": row.dataset, "document": row.document}


async def test_an_index_that_has_gone_is_an_error_and_not_an_empty_list(
    api_environment: dict[str, str],
) -> None:
    async with running(api_environment) as api:
        dataset_id = await api.dataset()
        path = f"{DATASETS}/{dataset_id}/search"
        empty = await api.client.post(path, json={"query": "whales"})
        job = await uploaded(api, dataset_id, "a")
        await complete(api.sessions, UUID(job["task_id"]), chunks=1)  # whose rows nobody has

        gone = await api.client.post(path, json={"query": "whales"})

    assert (empty.status_code, empty.json()["hits"]) == (200, [])
    assert (gone.status_code, gone.json()["code"]) == (503, "vector_store_misconfigured")


@pytest.mark.parametrize("form", ["documents", "texts"])
async def test_a_reranker_puts_the_first_hits_in_its_own_order(
    api_environment: dict[str, str], form: str
) -> None:
    reranker = {
        "SLUICE_RERANK_URL": f"{api_environment['OPENAI_BASE_URL']}/rerank",
        "SLUICE_RERANK_API_KEY": api_environment["OPENAI_API_KEY"],
        "SLUICE_RERANK_MODEL": "any",
        "SLUICE_RERANK_FORMAT": form,
        "SLUICE_RERANK_TOP": "3",
    }
    async with running(api_environment, **reranker) as api:
        dataset_id = await api.dataset()
        last = "some whales are far away from here and from there and everywhere"
        texts = ["whales whales", "whales", "of the whales in the sea", last]
        await indexed(api, dataset_id, "a", *texts)
        asked = {"mode": "keyword", "limit": 4}

        own = await texts_of(api, dataset_id, "the whales of", rerank=False, **asked)
        answer = await answer_of(api, dataset_id, "the whales of", **asked)

    reranked = [hit["text"] for hit in answer["hits"]]
    scores = [hit["scores"]["rerank"] for hit in answer["hits"]]
    assert reranked[0] == "of the whales in the sea"
    assert set(reranked[:3]) == set(own[:3])
    assert reranked[3] == own[3]
    assert scores == [pytest.approx(1), pytest.approx(1 / 3), pytest.approx(1 / 3), None]


async def test_without_the_reranker_hits_keep_their_order_and_it_is_said(
    api_environment: dict[str, str],
) -> None:
    async with running(api_environment, SLUICE_RERANK_URL="http://127.0.0.1:9/rerank") as api:
        dataset_id = await api.dataset()
        await indexed(api, dataset_id, "a", "whales", "no whales in these words")

        answer = await answer_of(api, dataset_id, "whales", mode="keyword")

    assert [hit["text"] for hit in answer["hits"]] == ["whales", "no whales in these words"]
    assert [caveat["code"] for caveat in answer["caveats"]] == ["not_reranked"]
    assert answer["degraded"] is None
