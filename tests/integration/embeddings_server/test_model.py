"""The real model through the `openai` SDK."""

import asyncio
import math
import time
from collections.abc import AsyncIterator

import openai
import pytest

from support.embeddings import KEY, EmbeddingsServer

MODEL = "all-MiniLM-L6-v2"


@pytest.fixture
async def client(real: EmbeddingsServer) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=real.base_url, api_key=KEY, max_retries=0) as client:
        yield client


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_texts_that_mean_the_same_are_close_and_others_far(
    client: openai.AsyncOpenAI,
) -> None:
    answer = await client.embeddings.create(
        model=MODEL,
        input=[
            "How do I reset my password?",
            "I forgot my login credentials",
            "The weather in Lisbon is mild in winter",
        ],
    )

    password, login, weather = (item.embedding for item in answer.data)
    assert cosine(password, login) > 0.6
    assert cosine(password, weather) < 0.15
    assert cosine(login, weather) < 0.15


async def test_a_question_finds_the_passage_that_answers_it(client: openai.AsyncOpenAI) -> None:
    passages = [
        "Normans gave their name to Normandy, a region in France.",
        "Photosynthesis turns light, water and carbon dioxide into sugar and oxygen.",
        "The boiling point of water falls with the pressure of the air, hence with altitude.",
        "A mortgage is a loan that is secured by the property it pays for.",
    ]
    questions = [
        "In what country is Normandy located?",
        "How do plants make their food?",
        "Why does cooking pasta take longer on a mountain?",
        "What happens to my house if I do not repay the bank?",
    ]

    found = await client.embeddings.create(model=MODEL, input=passages)
    asked = await client.embeddings.create(model=MODEL, input=questions)

    for index, question in enumerate(asked.data):
        scores = [cosine(question.embedding, passage.embedding) for passage in found.data]
        assert scores.index(max(scores)) == index


async def test_vectors_have_unit_length_in_all_dimensions_asked_for(
    client: openai.AsyncOpenAI,
) -> None:
    whole = await client.embeddings.create(model=MODEL, input="a text")
    cut = await client.embeddings.create(model=MODEL, input="a text", dimensions=100)

    for answer, dimensions in ((whole, 384), (cut, 100)):
        assert len(answer.data[0].embedding) == dimensions
        assert math.isclose(math.hypot(*answer.data[0].embedding), 1, rel_tol=1e-5)


async def test_a_vector_does_not_depend_on_its_neighbours(client: openai.AsyncOpenAI) -> None:
    alone = await client.embeddings.create(model=MODEL, input="a text of some words")
    among = await client.embeddings.create(
        model=MODEL, input=["x " * 200, "a text of some words", "y"]
    )

    assert alone.data[0].embedding == among.data[1].embedding


async def test_tokens_are_counted_beyond_the_window_that_reaches_the_vector(
    client: openai.AsyncOpenAI,
) -> None:
    answer = await client.embeddings.create(model=MODEL, input=["dog " * 254 + "cat", "dog " * 254])

    assert answer.usage.total_tokens == 255 + 254
    assert answer.data[0].embedding == answer.data[1].embedding


async def test_an_input_above_8192_tokens_is_a_bad_request(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="maximum context length"):
        await client.embeddings.create(model=MODEL, input="dog " * 8193)


async def test_a_query_does_not_wait_for_a_batch(client: openai.AsyncOpenAI) -> None:
    chunks = [f"chunk {index} " + "of words that fill it up " * 40 for index in range(60)]
    batch = asyncio.create_task(client.embeddings.create(model=MODEL, input=chunks))
    await client.embeddings.create(model=MODEL, input="warm the connection")

    started = time.monotonic()
    await client.embeddings.create(model=MODEL, input="a short query")
    took = time.monotonic() - started

    assert not batch.done()
    assert took < 1
    assert len((await batch).data) == 60
