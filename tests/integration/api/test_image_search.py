"""What is said to a search by image before there is anything to search."""

from base64 import b64encode
from typing import Any

import httpx
import pytest

from support.api import Api, running

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)


async def answered(api: Api, **body: Any) -> httpx.Response:
    return await api.client.post("/api/v1/search", json=body)


async def test_without_an_image_endpoint_the_api_says_so(api: Api) -> None:
    await api.dataset()

    refused = await answered(api, query="a red car", mode="image")
    by_image = await answered(api, image=b64encode(PNG).decode())
    words = await answered(api, query="a red car")

    assert (refused.status_code, by_image.status_code) == (409, 409)
    assert refused.json()["code"] == "image_search_not_configured"
    assert words.json()["images"] == "by_text"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": "red", "image": b64encode(PNG).decode()},
        {"image": b64encode(PNG).decode(), "mode": "dense"},
        {"image": "no base64!"},
        {"image": b64encode(b"GIF89a" + bytes(100)).decode()},
        {"image": b64encode(PNG + bytes(2 * 1024 * 1024)).decode()},
    ],
)
async def test_a_search_has_a_query_or_an_image_that_can_be_one(
    api: Api, body: dict[str, Any]
) -> None:
    answer = await answered(api, **body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["code"] == "invalid_request"


async def test_an_image_endpoint_that_is_away_is_no_empty_answer(
    api_environment: dict[str, str],
) -> None:
    async with running(
        api_environment,
        SLUICE_IMAGE_EMBEDDING_URL="http://127.0.0.1:9/v1/embeddings",
        SLUICE_IMAGE_EMBEDDING_MODEL="some-model",
    ) as api:
        await api.dataset()

        answer = await answered(api, query="a red car", mode="image")

        assert answer.status_code == 503
        assert answer.json()["code"] == "image_embedder_unavailable"
