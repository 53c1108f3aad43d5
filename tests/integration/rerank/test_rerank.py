import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from pipeline.rerank import Reranker, RerankFailed, RerankFormat, RerankModel, read_scores
from support.embeddings import KEY, EmbeddingsServer, embeddings_server


@pytest.mark.parametrize(
    "answer",
    [
        # Jina, vLLM, infinity, llama.cpp; Cohere; HF's TEI: all put the best first.
        {
            "model": "m",
            "results": [
                {"index": 1, "relevance_score": 0.9, "document": {"text": "b"}},
                {"index": 0, "relevance_score": 0.1},
            ],
            "usage": {"total_tokens": 3},
        },
        {
            "id": "x",
            "results": [
                {"index": 1, "relevance_score": 0.9},
                {"index": 0, "relevance_score": 0.1},
            ],
            "meta": {"api_version": {"version": "2"}},
        },
        [{"index": 1, "score": 0.9}, {"index": 0, "score": 0.1}],
    ],
)
def test_the_answers_of_the_servers_in_the_field_are_read(answer: Any) -> None:
    assert read_scores(answer, count=2) == [0.1, 0.9]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        {"results": {}},
        {"results": []},
        [{"index": 0, "score": 1}],
        [{"index": 0, "score": 1}, {"index": 0, "score": 1}],
        [{"index": 0, "score": 1}, {"index": 2, "score": 1}],
        [{"index": 0, "score": 1}, {"index": 1, "score": math.nan}],
        [{"index": 0, "score": 1}, {"index": 1, "score": "1"}],
        [{"index": 0, "score": 1}, 1],
        [{"index": 0}, {"index": 1}],
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_scores(answer, count=2)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[EmbeddingsServer]:
    async with embeddings_server({"MODE": "synthetic", "DIMENSIONS": "4"}) as running:
        yield running


@asynccontextmanager
async def reranker(server: EmbeddingsServer, **changes: Any) -> AsyncIterator[Reranker]:
    asked: dict[str, Any] = {
        "url": f"{server.base_url}/rerank",
        "api_key": SecretStr(KEY),
        "model": "any",
        **changes,
    }
    async with Reranker.open(RerankModel(**asked)) as opened:
        yield opened


@asynccontextmanager
async def raw_server(answer: bytes, *, pause: float = 0) -> AsyncIterator[tuple[str, list[int]]]:
    """Answers with these bytes over and over; how many have been taken of it stands in the list."""
    sent = [0]

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with suppress(ConnectionError):
            while sent[0] < 100_000_000:
                writer.write(answer)
                await writer.drain()
                sent[0] += len(answer)
                await asyncio.sleep(pause)
        writer.close()

    running = await asyncio.start_server(respond, "127.0.0.1", 0)
    async with running:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/rerank", sent


@pytest.mark.parametrize(
    ("answer", "pause", "said"), [(b"[" * 65_536, 0.0, "too long"), (b" ", 0.02, "in time")]
)
async def test_an_answer_without_end_is_given_up(answer: bytes, pause: float, said: str) -> None:
    async with raw_server(answer, pause=pause) as (url, sent):
        model = RerankModel(
            url, SecretStr(""), "m", timeout=timedelta(seconds=0.5 if pause else 20)
        )
        async with Reranker.open(model) as opened:
            with pytest.raises(RerankFailed, match=said):
                await opened.scores("whales", ["whales"])

    assert sent[0] < 20_000_000  # what fits into buffers, and no more


@pytest.mark.parametrize("form", list(RerankFormat))
async def test_both_forms_of_a_request_are_answered(
    server: EmbeddingsServer, form: RerankFormat
) -> None:
    await server.switch()
    async with reranker(server, form=form) as opened:
        scores = await opened.scores("red whales", ["no", "whales", "whales, red ones"])

    assert scores == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("switches", "changes", "said"),
    [
        ({"server_error_share": 1}, {}, "status 500"),
        ({"rate_limited_share": 1}, {}, "status 429"),
        ({"broken_share": 1}, {}, "not what was asked for"),
        ({"latency_ms": 2_000}, {"timeout": timedelta(milliseconds=50)}, "in time"),
        ({}, {"api_key": SecretStr("wrong")}, "status 401"),
        ({}, {"url": "http://127.0.0.1:9/rerank"}, "could not be reached"),
    ],
)
async def test_every_failure_has_a_sentence(
    server: EmbeddingsServer, switches: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    await server.switch(**switches)

    async with reranker(server, **changes) as opened:
        with pytest.raises(RerankFailed, match=said):
            await opened.scores("red whales", ["whales"])
