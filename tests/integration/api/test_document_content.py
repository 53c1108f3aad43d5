"""What is inside a document: its chunks in order, and a URL that shows the original."""

from uuid import UUID

import httpx

from support.api import Api
from support.attempts import complete
from support.searching import DATASETS, resources_of, uploaded, written

TEXTS = ["First, the apples.", "Then the pears.", "At last the plums."]


async def test_chunks_come_in_the_order_of_the_document_and_of_its_live_version_only(
    api: Api,
) -> None:
    dataset_id = await api.dataset()
    job = await uploaded(api, dataset_id, "fruit.txt")
    space = resources_of(api).embedder.model.space
    await written(api, job, *TEXTS, page=4)
    path = f"{DATASETS}/{dataset_id}/documents/{job['document_id']}/chunks"
    before = (await api.client.get(path)).json()
    await complete(api.sessions, UUID(job["task_id"]), chunks=len(TEXTS), space=space)
    await written(api, job, "What nobody may see yet.")  # of a generation that is being built

    first = (await api.client.get(path, params={"limit": 2})).json()
    rest = (await api.client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    stranger = await api.as_key(await api.tenant_key()).get(path)

    chunks = first["items"] + rest["items"]
    assert (before, rest["next_cursor"]) == ({"items": [], "next_cursor": None}, None)
    assert [chunk["text"] for chunk in chunks] == TEXTS
    assert [chunk["ordinal"] for chunk in chunks] == [0, 1, 2]
    assert {chunk["page"] for chunk in chunks} == {4}
    assert all(3 <= chunk["tokens"] <= 8 for chunk in chunks)
    assert stranger.json()["code"] == "dataset_not_found"


async def test_the_original_is_shown_where_that_runs_nothing_and_downloaded_elsewhere(
    api: Api,
) -> None:
    dataset_id = await api.dataset()
    handled = {}
    for name in ("plan.txt", "page.html"):
        job = await uploaded(api, dataset_id, name)
        if name == "plan.txt":
            await complete(api.sessions, UUID(job["task_id"]), chunks=0)  # as text/plain
        url = f"{DATASETS}/{dataset_id}/documents/{job['document_id']}/url"
        answer = (await api.client.get(url)).json()
        async with httpx.AsyncClient() as browser:
            original = await browser.get(answer["url"])
        assert original.content == b"x"
        handled[name] = original.headers["content-disposition"].partition(";")[0]

    assert handled == {"plan.txt": "inline", "page.html": "attachment"}
