"""Asks a cross-encoder which of the passages found answer a query best.

Speaks what Jina, Cohere, vLLM, infinity and llama.cpp have in common, `{model, query, documents,
top_n}` answered by `{results: [{index, relevance_score}]}`, and the form of HF's Text Embeddings
Inference, `{query, texts}` answered by `[{index, score}]`. No call is repeated: somebody waits, and
there is an order to fall back on.
"""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Self

import httpx
from pydantic import SecretStr

ANSWER_BYTES_MAX = 1_000_000  # some 100 bytes a passage; more is no answer to a few hundred
PART_BYTES = 65_536
CONNECTIONS_MAX = 32


class RerankFormat(StrEnum):
    DOCUMENTS = "documents"
    TEXTS = "texts"


class RerankFailed(Exception):
    """No usable answer; the message says why, for people, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class RerankModel:
    """Where it is and how it is asked. `depth`: passages of one call, the best found."""

    url: str
    api_key: SecretStr
    model: str
    form: RerankFormat = RerankFormat.DOCUMENTS
    depth: int = 50
    timeout: timedelta = timedelta(seconds=3)


class Reranker:
    """Safe for concurrent use; belongs to the event loop that opened it."""

    def __init__(self, model: RerankModel, client: httpx.AsyncClient) -> None:
        self._model = model
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, model: RerankModel) -> AsyncIterator[Self]:
        key = model.api_key.get_secret_value()
        client = httpx.AsyncClient(
            timeout=model.timeout.total_seconds(),
            headers={
                "Accept-Encoding": "identity",  # what is packed has no known size
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,  # a key must not wander
        )
        async with client:
            yield cls(model, client)

    @property
    def depth(self) -> int:
        return self._model.depth

    async def scores(self, query: str, passages: Sequence[str]) -> list[float]:
        """The relevance of each passage, in their order; only scores of one answer compare.

        Raises:
            RerankFailed: no answer in time, or none that can be used.
        """
        try:
            # The client's own limit is of each read: an answer may drip in without end.
            async with asyncio.timeout(self._model.timeout.total_seconds()):
                body = await self._ask(self._body(query, passages))
        except (httpx.TimeoutException, TimeoutError) as error:
            raise RerankFailed("the reranker did not answer in time") from error
        except httpx.HTTPError as error:
            raise RerankFailed("the reranker could not be reached") from error
        try:
            return read_scores(json.loads(body), count=len(passages))
        except (ValueError, RecursionError) as error:
            raise RerankFailed("the reranker's answer is not what was asked for") from error

    async def _ask(self, question: dict[str, object]) -> bytes:
        """The body of a good answer; no more of a bad one is read than is needed to know it."""
        async with self._client.stream("POST", self._model.url, json=question) as answer:
            if not answer.is_success:
                raise RerankFailed(f"the reranker answered with status {answer.status_code}")
            body = bytearray()
            async for part in answer.aiter_raw(PART_BYTES):
                body += part
                if len(body) > ANSWER_BYTES_MAX:
                    raise RerankFailed("the reranker's answer is too long")
            return bytes(body)

    def _body(self, query: str, passages: Sequence[str]) -> dict[str, object]:
        if self._model.form is RerankFormat.TEXTS:
            # A passage longer than the model reads would be refused otherwise.
            return {"query": query, "texts": list(passages), "truncate": True}
        body: dict[str, object] = {
            "query": query,
            "documents": list(passages),
            "top_n": len(passages),
        }
        return {"model": self._model.model, **body} if self._model.model else body


def read_scores(answer: Any, *, count: int) -> list[float]:
    """The scores of an answer of either form. ValueError unless there is one for each passage."""
    results = answer.get("results") if isinstance(answer, Mapping) else answer
    if not isinstance(results, list):
        raise ValueError("no list of results")
    scores: dict[int, float] = {}
    for result in results:
        if not isinstance(result, Mapping):
            raise ValueError("a result is no object")
        index = result.get("index")
        score = result.get("relevance_score", result.get("score"))
        if not isinstance(index, int) or not isinstance(score, int | float):
            raise ValueError("a result has no index or no score")
        try:
            scores[index] = float(score)
        except OverflowError as error:
            raise ValueError("a score is no number") from error
        if not math.isfinite(scores[index]):
            raise ValueError("a score is no number")
    if scores.keys() != set(range(count)) or len(results) != count:
        raise ValueError("not one result for each passage")
    return [scores[index] for index in range(count)]
