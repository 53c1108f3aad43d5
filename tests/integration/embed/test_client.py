"""The embedder against a server that misbehaves in every way met in the field."""

import math
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from pipeline.embed.client import Embedder
from pipeline.embed.errors import (
    EmbedderAnswerInvalid,
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderQuotaExhausted,
    EmbedderRateLimited,
    EmbedderUnavailable,
    EmbeddingInputRejected,
)
from pipeline.embed.model import EmbeddingModel
from support.embeddings import EmbeddingsServer

TEXTS = [f"passage number {number}" for number in range(10)]


async def test_vectors_come_in_order_with_the_usage(embedder: Embedder) -> None:
    batch = await embedder.embed_each(["abcd", "abcdefgh", "abcd"])

    first, second, third = batch.vectors
    assert first is not None
    assert second is not None
    assert [len(first), len(second)] == [16, 16]
    assert first == third != second
    assert (batch.tokens, batch.tokens_reported) == (4, True)
    assert math.isclose(math.hypot(*first), 1, rel_tol=1e-5)


async def test_no_texts_need_no_call(server: EmbeddingsServer, embedder: Embedder) -> None:
    before = await server.counters()

    batch = await embedder.embed_each([])

    assert batch.vectors == []
    assert (await server.counters())["requests"] == before["requests"]


async def test_texts_above_the_limits_are_sent_in_several_calls(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    before = await server.counters()

    async with Embedder(replace(model, batch_inputs=4)) as embedder:
        batch = await embedder.embed_each(TEXTS)

    assert len(batch.vectors) == 10
    assert None not in batch.vectors
    assert (await server.counters())["requests"] - before["requests"] == 3


async def test_prefixes_belong_to_what_is_embedded(
    embedder: Embedder, model: EmbeddingModel
) -> None:
    prefixed = replace(model, query_prefix="query: ", passage_prefix="passage: ")

    async with Embedder(prefixed) as other:
        query = await other.embed_query("text")
        passage = (await other.embed_each(["text"])).vectors[0]

    assert query == await embedder.embed_query("query: text")
    assert passage == await embedder.embed_query("passage: text")


async def test_dimensions_are_probed_twice_once_and_asked_for_if_configured(
    server: EmbeddingsServer, embedder: Embedder, model: EmbeddingModel
) -> None:
    before = await server.counters()

    probed = [await embedder.probe_dimensions(), await embedder.probe_dimensions()]
    async with Embedder(replace(model, dimensions=5)) as short:
        vector = await short.embed_query("text")

    assert probed == [16, 16]
    assert len(vector) == 5
    assert (await server.counters())["requests"] - before["requests"] == 3


async def test_a_process_whose_first_answer_was_cut_short_believes_the_right_ones_soon(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(broken_share=1, broken_kind="wrong_dimensions")
    cut = await embedder.embed_query("the first text")
    await server.switch()

    with pytest.raises(EmbedderAnswerInvalid):
        await embedder.embed_query("the second text")
    right = await embedder.embed_query("the second text")

    assert (len(cut), len(right)) == (15, 16)


@pytest.mark.parametrize("answer", ["openai", "llama_cpp", "tei"])
async def test_a_batch_that_is_too_large_is_halved_until_it_fits(
    server: EmbeddingsServer, embedder: Embedder, answer: str
) -> None:
    await server.switch(inputs_max=3, too_large_answer=answer)

    batch = await embedder.embed_each(TEXTS)

    assert [len(vector or ()) for vector in batch.vectors] == [16] * 10


async def test_a_request_with_too_many_tokens_is_halved(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(request_tokens_max=20)

    batch = await embedder.embed_each(TEXTS)

    assert len(batch.vectors) == 10
    assert None not in batch.vectors
    assert batch.tokens == 40


@pytest.mark.parametrize("answer", ["openai", "llama_cpp", "tei"])
async def test_an_input_that_is_too_long_spoils_no_other(
    server: EmbeddingsServer, embedder: Embedder, answer: str
) -> None:
    await server.switch(input_tokens_max=20, too_large_answer=answer)
    texts = [*TEXTS[:7], "secret words " * 20, *TEXTS[7:]]

    each = await embedder.embed_each(texts)
    with pytest.raises(EmbeddingInputRejected) as rejected:
        await embedder.embed_query(texts[7])

    assert rejected.value.code == "embedding_input_rejected"
    assert "secret" not in str(rejected.value)
    assert [index for index, vector in enumerate(each.vectors) if vector is None] == [7]


async def test_an_empty_text_is_rejected_without_a_call(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    before = await server.counters()

    with pytest.raises(EmbeddingInputRejected):
        await embedder.embed_query("")

    assert (await server.counters())["requests"] == before["requests"]


async def test_an_endpoint_that_refuses_every_input_is_misconfigured_within_few_calls(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(inputs_refused=True)
    before = await server.counters()

    async with Embedder(model) as embedder:
        with pytest.raises(EmbedderMisconfigured, match="every input"):
            await embedder.embed_each(TEXTS * 10)

    assert (await server.counters())["requests"] - before["requests"] < 10


async def test_base64_is_given_up_where_the_server_refuses_it(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    plain = await embedder.embed_query("text")
    await server.switch(base64_rejected=True)
    before = await server.counters()

    floats = [await embedder.embed_query("text"), await embedder.embed_query("text")]

    assert floats[0] == pytest.approx(plain)
    assert (await server.counters())["requests"] - before["requests"] == 3


async def test_a_shuffled_answer_is_put_in_order(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    plain = await embedder.embed_each(TEXTS)
    await server.switch(broken_share=1, broken_kind="shuffled")

    shuffled = await embedder.embed_each(TEXTS)

    assert shuffled.vectors == plain.vectors


@pytest.mark.parametrize(
    "kind", ["wrong_count", "wrong_dimensions", "nan", "zero", "empty", "malformed_json"]
)
async def test_a_broken_answer_is_not_believed(
    server: EmbeddingsServer, embedder: Embedder, kind: str
) -> None:
    await server.switch(broken_share=1, broken_kind=kind)

    with pytest.raises(EmbedderAnswerInvalid):
        await embedder.embed_each(TEXTS)


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({"broken_share": 1, "broken_kind": "truncated_body"}, EmbedderUnavailable),
        ({"server_error_share": 1}, EmbedderUnavailable),
        ({"down": True}, EmbedderUnavailable),
        ({"rate_limited_share": 1}, EmbedderRateLimited),
        ({"quota_exhausted": True}, EmbedderQuotaExhausted),
    ],
)
async def test_a_failing_endpoint_is_asked_once_and_has_its_error(
    server: EmbeddingsServer,
    embedder: Embedder,
    switches: dict[str, object],
    expected: type[EmbedderError],
) -> None:
    await server.switch(faults_left=5, **switches)

    with pytest.raises(EmbedderError) as failed:
        await embedder.embed_each(TEXTS)

    assert type(failed.value) is expected


async def test_a_rate_limit_says_when_to_come_back(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(rate_limited_share=1, retry_after_seconds=12.5)

    with pytest.raises(EmbedderRateLimited) as failed:
        await embedder.embed_query("text")

    assert failed.value.retry_after == timedelta(seconds=12.5)


async def test_a_slow_endpoint_is_given_up_after_the_timeout(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(latency_ms=30_000)

    async with Embedder(replace(model, timeout=timedelta(milliseconds=200))) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed_query("text")


async def test_an_unreachable_endpoint_a_wrong_key_and_a_wrong_model_have_their_errors(
    model: EmbeddingModel,
) -> None:
    async with Embedder(replace(model, base_url="http://127.0.0.1:9/v1")) as nowhere:
        with pytest.raises(EmbedderUnavailable):
            await nowhere.embed_query("text")
    async with Embedder(replace(model, api_key=SecretStr("wrong"))) as refused:
        with pytest.raises(EmbedderMisconfigured):
            await refused.embed_query("text")
    async with Embedder(replace(model, model="unknown")) as unknown:
        with pytest.raises(EmbedderMisconfigured):
            await unknown.embed_query("text")


async def test_half_a_surrogate_pair_does_not_stop_a_document(embedder: Embedder) -> None:
    batch = await embedder.embed_each(["broken \ud83d emoji", "fine"])

    assert len(batch.vectors) == 2
    assert None not in batch.vectors
