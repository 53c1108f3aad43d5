"""Servers that imitate OpenAI's API, each in its own way."""

import math
from dataclasses import replace

import pytest

from pipeline.embed.client import Embedder
from pipeline.embed.errors import EmbedderAnswerInvalid, EmbedderMisconfigured
from pipeline.embed.model import EmbeddingModel
from support.embeddings import EmbeddingsServer

SERVERS = ["openai", "llama_cpp", "ollama", "tei", "vllm", "lm_studio", "infinity"]
# Synthetic tokens are quarters of the bytes.
TEXTS = [f"passage number {number}" for number in range(100)]
TOO_LONG = "a long passage " * 2_500


@pytest.mark.parametrize("name", SERVERS)
async def test_a_full_batch_gets_its_vectors_in_order(
    server: EmbeddingsServer, embedder: Embedder, name: str
) -> None:
    plain = await embedder.embed_each(TEXTS)
    await server.switch(imitates=name)

    batch = await embedder.embed_each(TEXTS)

    pairs = zip(batch.vectors, plain.vectors, strict=True)
    assert all(math.dist(got or [], expected or []) < 1e-6 for got, expected in pairs)
    assert batch.tokens_reported is (name != "lm_studio")
    assert batch.tokens > 0


@pytest.mark.parametrize("name", SERVERS)
async def test_a_text_that_is_too_long_is_refused_alone(
    server: EmbeddingsServer, embedder: Embedder, name: str
) -> None:
    await server.switch(imitates=name)

    batch = await embedder.embed_each([*TEXTS[:5], TOO_LONG, *TEXTS[5:10]])

    assert [index for index, vector in enumerate(batch.vectors) if vector is None] == [5]
    assert batch.refused == {5}


@pytest.mark.parametrize("name", SERVERS)
async def test_a_text_that_is_too_long_is_cut_if_that_is_wanted(
    server: EmbeddingsServer, model: EmbeddingModel, name: str
) -> None:
    await server.switch(imitates=name)

    async with Embedder(replace(model, passage_prefix="passage: ", cuts_refused=True)) as embedder:
        batch = await embedder.embed_each([*TEXTS[:2], TOO_LONG])
        beginning = await embedder.embed_each([TOO_LONG[: len(TOO_LONG) // 32]])

    assert None not in batch.vectors
    assert batch.cut == {2}
    assert beginning.cut == set()


async def test_what_is_refused_at_any_length_is_not_cut(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(input_tokens_max=2)

    async with Embedder(replace(model, cuts_refused=True)) as embedder:
        batch = await embedder.embed_each(["short words that no cut makes shorter " * 8])

    assert batch.refused == {0}
    assert batch.cut == set()


async def test_a_model_that_cannot_be_shortened_is_a_setting_to_mend(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(imitates="vllm")

    async with Embedder(replace(model, dimensions=8)) as embedder:
        with pytest.raises(EmbedderMisconfigured):
            await embedder.embed_each(TEXTS[:3])


async def test_a_server_that_ignores_dimensions_is_not_believed(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(imitates="ollama")

    async with Embedder(replace(model, dimensions=8)) as embedder:
        with pytest.raises(EmbedderAnswerInvalid, match="16 dimensions instead of 8"):
            await embedder.embed_each(TEXTS[:3])


async def test_the_batch_keeps_to_the_body_that_a_server_takes(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(imitates="tei")
    before = await server.counters()

    async with Embedder(replace(model, batch_inputs=32)) as embedder:
        batch = await embedder.embed_each(TEXTS)

    after = await server.counters()
    assert None not in batch.vectors
    assert after["requests"] - before["requests"] == 4
