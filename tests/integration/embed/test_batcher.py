"""Jobs share calls, in turns, and a failure finds its owner."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from pipeline.embed.batcher import HOLD, Batcher
from pipeline.embed.client import Embedder
from pipeline.embed.errors import (
    EmbedderAnswerInvalid,
    EmbedderQuotaExhausted,
    EmbedderRateLimited,
    EmbedderUnavailable,
    EmbeddingInputFailed,
    EmbeddingInputRejected,
)
from pipeline.embed.model import EmbeddingModel
from pipeline.embed.waiting import Payer
from support.embeddings import KEY, EmbeddingsServer, embeddings_server
from support.payers import payer

OTHER_TENANT = UUID(int=2)


@pytest.fixture
async def batcher(embedder: Embedder) -> AsyncIterator[Batcher]:
    batcher = Batcher(embedder)
    yield batcher
    await batcher.aclose()


def texts_of(job: str, count: int) -> list[str]:
    return [f"{job} passage {number}" for number in range(count)]


async def requests_of(server: EmbeddingsServer) -> int:
    return (await server.counters())["requests"]


async def test_documents_of_the_same_moment_share_one_call(
    server: EmbeddingsServer, embedder: Embedder, batcher: Batcher
) -> None:
    before = await requests_of(server)

    shares = await asyncio.gather(
        *(batcher.embed(payer(job), texts_of(job, 5)) for job in ("a", "b", "c"))
    )

    alone = [await embedder.embed_each(texts_of(job, 5)) for job in ("a", "b", "c")]
    assert [share.vectors for share in shares] == [batch.vectors for batch in alone]
    # The first may leave at once; then the other two wait for each other.
    assert await requests_of(server) - before <= 2 + 3


async def test_the_shares_of_a_call_add_up_to_its_usage(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    before = await server.counters()

    a, b, c = payer("a"), payer("b"), payer("c")
    await asyncio.gather(
        batcher.embed(a, ["a few words"]),
        batcher.embed(b, [f"many more words than that {number} " * 20 for number in range(7)]),
        batcher.embed(c, texts_of("c", 3)),
    )

    after = await server.counters()
    assert a.tokens + b.tokens + c.tokens == after["tokens"] - before["tokens"]
    assert 0 < a.tokens < c.tokens < b.tokens


async def test_a_lone_document_leaves_at_once(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    async with Embedder(model) as embedder:
        batcher = Batcher(embedder)
        await batcher.embed(payer("warm"), ["connection"])
        took = []
        for number in range(10):
            started = time.monotonic()
            await batcher.embed(payer("job"), [f"text {number}"])
            took.append(time.monotonic() - started)

    assert min(took) < HOLD.total_seconds()


async def test_a_document_behind_a_slow_call_waits_for_neighbours_but_not_for_the_call(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(slow_share=1, slow_ms=1_000, faults_left=1)
    before = await requests_of(server)

    slow = asyncio.create_task(batcher.embed(payer("slow"), ["text"]))
    while await requests_of(server) == before:  # noqa: ASYNC110 - the server counts elsewhere
        await asyncio.sleep(0)
    others = await asyncio.gather(
        batcher.embed(payer("a"), ["one"]), batcher.embed(payer("b"), ["two"])
    )

    assert not slow.done()
    assert [len(share.vectors) for share in others] == [1, 1]
    await slow
    assert await requests_of(server) - before == 2


async def test_a_job_with_thousands_of_texts_does_not_hold_up_one_with_a_single_text(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(latency_ms=20)
    batcher = Batcher(embedder, concurrent_calls=1)

    large = asyncio.create_task(batcher.embed(payer("large"), texts_of("large", 2_000)))
    await asyncio.sleep(0.05)
    small = await batcher.embed(payer("small"), ["text"])

    assert len(small.vectors) == 1
    assert not large.done()
    assert len((await large).vectors) == 2_000


async def test_no_more_calls_are_under_way_than_allowed_nor_more_inputs_in_one() -> None:
    async with embeddings_server({"MODE": "synthetic"}) as server:
        await server.switch(latency_ms=30)
        model = EmbeddingModel(server.base_url, SecretStr(KEY), "synthetic", batch_inputs=10)
        async with Embedder(model) as embedder:
            batcher = Batcher(embedder, concurrent_calls=2)

            shares = await asyncio.gather(
                *(batcher.embed(payer(job), texts_of(job, 25)) for job in ("a", "b", "c"))
            )

        counters = await server.counters()
    assert [len(share.vectors) for share in shares] == [25, 25, 25]
    assert counters["requests"] == 8
    assert counters["requests_in_flight_peak"] == 2
    assert counters["largest_request_inputs"] == 10


async def test_a_refused_text_fails_its_owner_only(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(input_tokens_max=20)

    good, bad, other = await asyncio.gather(
        batcher.embed(payer("good"), texts_of("good", 3)),
        batcher.embed(payer("bad"), ["fine", "fine too", "much too long " * 20]),
        batcher.embed(payer("other"), texts_of("other", 3)),
        return_exceptions=True,
    )

    assert isinstance(bad, EmbeddingInputRejected)
    assert bad.index == 2
    assert not isinstance(good, BaseException)
    assert not isinstance(other, BaseException)
    assert len(good.vectors) == len(other.vectors) == 3


async def test_a_text_over_which_the_endpoint_breaks_down_fails_its_owner_only(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(poison="venom")

    good, bad, other = await asyncio.gather(
        batcher.embed(payer("good"), texts_of("good", 4)),
        batcher.embed(payer("bad"), ["fine", "a drop of venom", "fine too"]),
        batcher.embed(payer("other"), texts_of("other", 3)),
        return_exceptions=True,
    )

    assert isinstance(bad, EmbeddingInputFailed)
    assert bad.index == 1
    assert not isinstance(good, BaseException)
    assert not isinstance(other, BaseException)
    assert (len(good.vectors), len(other.vectors)) == (4, 3)


async def test_an_endpoint_that_breaks_down_over_everything_blames_no_text(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(server_error_share=1)
    before = (await server.counters())["requests"]

    with pytest.raises(EmbedderUnavailable):
        await batcher.embed(payer("a"), texts_of("a", 8))

    assert (await server.counters())["requests"] - before == 2  # the batch, and a plain word


async def test_a_failed_call_fails_all_that_it_carried_and_nothing_after(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(broken_share=1, faults_left=1)

    failed = await asyncio.gather(
        batcher.embed(payer("a"), ["one"]),
        batcher.embed(payer("b"), ["two"]),
        return_exceptions=True,
    )
    after = await batcher.embed(payer("a"), ["one"])

    assert [type(error) for error in failed] == [EmbedderAnswerInvalid] * 2
    assert len(after.vectors) == 1


async def test_what_is_refused_for_the_pace_is_sent_again_as_asked(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(rate_limited_share=1, retry_after_seconds=0.3, faults_left=1)
    before, began = await server.counters(), time.monotonic()

    shares = await asyncio.gather(
        batcher.embed(payer("a"), ["one"]), batcher.embed(payer("b"), ["two"])
    )

    assert [len(share.vectors) for share in shares] == [1, 1]
    assert time.monotonic() - began >= 0.3
    after = await server.counters()
    assert after["inputs"] - before["inputs"] == 2


async def test_an_endpoint_that_goes_on_refusing_is_left_to_the_jobs(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(rate_limited_share=1, retry_after_seconds=30)
    batcher = Batcher(embedder, patience=timedelta(seconds=5))

    with pytest.raises(EmbedderRateLimited) as failed:
        await batcher.embed(payer("a"), ["one"])

    assert failed.value.retry_after == timedelta(seconds=30)


async def test_an_unpaid_bill_ends_all_that_waits_at_once(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(quota_exhausted=True, latency_ms=50)
    before = (await server.counters())["requests"]
    batcher = Batcher(embedder, concurrent_calls=1)

    failed = await asyncio.gather(
        *(batcher.embed(payer(job), texts_of(job, 300)) for job in ("a", "b", "c")),
        return_exceptions=True,
    )

    assert [type(error) for error in failed] == [EmbedderQuotaExhausted] * 3
    assert (await server.counters())["requests"] - before == 1


async def test_a_crowd_on_its_way_is_waited_for_and_who_goes_first_waits_for_nobody(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    before = await requests_of(server)
    names = [f"job {number}" for number in range(40)]

    async def come(name: str, after: float) -> None:
        with batcher.expecting(name):
            await asyncio.sleep(after)
            await batcher.embed(payer(name), [f"text of {name}"])

    crowd = [asyncio.create_task(come(name, 0.05 * n)) for n, name in enumerate(names)]
    await asyncio.sleep(0.03)
    began = time.monotonic()
    await batcher.embed(payer("first", is_first=True), ["in a hurry"])
    took = time.monotonic() - began
    await asyncio.gather(*crowd)

    assert took < 0.5
    # Unless they are waited for, hardly two of them meet.
    assert await requests_of(server) - before <= 15


async def test_small_files_that_arrive_together_fill_their_calls(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    """With twice as many under way as a call holds: while one is answered the next fills up."""
    before = await requests_of(server)
    under_way = asyncio.Semaphore(200)

    async def index(name: str, parsing: float) -> None:
        async with under_way:
            with batcher.expecting(name):
                await asyncio.sleep(parsing)
                await batcher.embed(payer(name), [f"text of {name}"])

    await asyncio.gather(*(index(f"file {n}", 0.001 * (n % 200)) for n in range(400)))

    assert await requests_of(server) - before <= 6


async def test_a_full_process_that_is_busy_storing_fills_its_calls_with_those_outside(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    """Hardly anybody is on the way here at any time, but whoever has been here makes way."""
    before = await requests_of(server)
    room, inside = 120, 0
    under_way = asyncio.Semaphore(room)
    storing = asyncio.Semaphore(2)
    batcher = Batcher(embedder, is_followed=lambda: inside >= room)

    async def index(name: str) -> None:
        nonlocal inside
        async with under_way:
            inside += 1
            with batcher.expecting(name):
                await batcher.embed(payer(name), [f"text of {name}"])
                async with storing:
                    await asyncio.sleep(0.005)
            inside -= 1

    await asyncio.gather(*(index(f"stored {n}") for n in range(500)))
    await batcher.aclose()

    # Of 100 texts each, on a machine that keeps time; one by one it would be hundreds.
    assert await requests_of(server) - before <= 25


async def test_who_never_comes_is_not_waited_for_long(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        for number in range(20):
            stack.enter_context(batcher.expecting(number))
        await batcher.embed(payer("a"), ["text"])

    assert 0.7 <= time.monotonic() - began <= 10


async def test_equal_texts_of_a_tenant_are_embedded_once_and_paid_by_who_came_first(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(latency_ms=100)
    before = await server.counters()
    first, second, later = payer("a"), payer("b"), payer("c")

    shares = await asyncio.gather(
        batcher.embed(first, ["alike", "own"]), batcher.embed(second, ["alike", "alike"])
    )
    just_answered = await batcher.embed(later, ["own"])

    after = await server.counters()
    assert after["inputs"] - before["inputs"] == 2
    assert [share.reused for share in (*shares, just_answered)] == [[], [0, 1], [0]]
    assert shares[0].vectors[0] == shares[1].vectors[0] == shares[1].vectors[1]
    assert just_answered.vectors[0] == pytest.approx(shares[0].vectors[1])
    assert first.tokens == after["tokens"] - before["tokens"]
    assert second.tokens == later.tokens == 0


async def test_equal_texts_of_two_tenants_are_embedded_for_each(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    before = (await server.counters())["inputs"]

    shares = await asyncio.gather(
        batcher.embed(payer("a"), ["alike"]), batcher.embed(payer("b", OTHER_TENANT), ["alike"])
    )

    assert (await server.counters())["inputs"] - before == 2
    assert [share.reused for share in shares] == [[], []]


async def test_who_waits_for_the_text_of_a_job_that_is_cancelled_gets_it(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(latency_ms=50)
    batcher = Batcher(embedder, concurrent_calls=1)
    busy = asyncio.create_task(batcher.embed(payer("busy"), ["text"]))
    await asyncio.sleep(0.02)
    gone, stays = payer("gone"), payer("stays")

    first = asyncio.create_task(batcher.embed(gone, ["alike"]))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(batcher.embed(stays, ["alike"]))
    await asyncio.sleep(0.01)
    first.cancel()
    share = await second

    assert len(share.vectors) == 1
    assert share.reused == []
    assert gone.tokens == 0
    assert stays.tokens > 0
    await busy


async def test_what_was_answered_is_written_down_also_for_who_is_gone(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(latency_ms=100)
    written: list[Payer] = []

    async def record(payers: Sequence[Payer]) -> None:
        written.extend(payers)

    batcher = Batcher(embedder, record=record)
    gone = payer("gone")
    job = asyncio.create_task(batcher.embed(gone, ["paid for"]))
    await asyncio.sleep(0.05)
    job.cancel()
    await batcher.embed(payer("other"), ["other"])

    assert gone.tokens == 2
    assert gone in written


async def test_vectors_that_came_before_a_failure_are_not_paid_for_again(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    texts = [*texts_of("a", 29), "a drop of venom"]
    async with Embedder(replace(model, batch_inputs=10)) as embedder:
        batcher = Batcher(embedder, concurrent_calls=1)
        await server.switch(poison="venom")
        with pytest.raises(EmbeddingInputFailed):
            await batcher.embed(payer("a"), texts)
        await server.switch()
        before = (await server.counters())["inputs"]

        again = await batcher.embed(payer("a"), texts)

    assert again.reused == list(range(29))
    assert (await server.counters())["inputs"] - before == 1


async def test_a_cancelled_job_loses_its_share_and_its_neighbour_keeps_its_own(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    await server.switch(latency_ms=100)

    cancelled = asyncio.create_task(batcher.embed(payer("cancelled"), texts_of("cancelled", 3)))
    neighbour = asyncio.create_task(batcher.embed(payer("neighbour"), texts_of("neighbour", 3)))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    share = await neighbour

    assert len(share.vectors) == 3
    assert cancelled.cancelled()


async def test_the_search_for_a_bad_text_ends_with_its_job_and_keeps_no_neighbour_waiting(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    """A neighbour has its vectors when they are answered, and nothing more is paid once the job
    that has the bad text is cancelled."""
    await server.switch(poison="venom", latency_ms=150)
    good = asyncio.create_task(batcher.embed(payer("good"), texts_of("good", 2)))
    bad = asyncio.create_task(
        batcher.embed(payer("bad"), [*texts_of("bad", 60), "venom", *texts_of("later", 30)])
    )

    assert len((await good).vectors) == 2
    assert not bad.done()
    bad.cancel()
    before = await requests_of(server)
    await asyncio.sleep(1)

    assert await requests_of(server) - before <= 1  # a canary that was on its way
    share = await batcher.embed(payer("other"), ["bad passage 59"])  # it may have been asked for
    assert len(share.vectors) == 1


async def test_who_goes_first_is_not_held_with_a_crowd_that_wants_the_same_text(
    server: EmbeddingsServer, batcher: Batcher
) -> None:
    with ExitStack() as stack:
        for number in range(60):
            stack.enter_context(batcher.expecting(number))
        crowd = asyncio.create_task(batcher.embed(payer("crowd"), ["other", "alike"]))
        await asyncio.sleep(0.02)
        began = time.monotonic()
        await batcher.embed(payer("first", is_first=True), ["alike"])
        took = time.monotonic() - began
        await crowd

    assert took < 0.5


async def test_a_request_that_is_full_by_its_tokens_leaves_room_for_another(
    server: EmbeddingsServer, model: EmbeddingModel
) -> None:
    await server.switch(latency_ms=400)
    text = " ".join(["word"] * 100)
    async with Embedder(replace(model, batch_tokens=4_000)) as embedder:
        batcher = Batcher(embedder)
        began = time.monotonic()
        await batcher.embed(payer("a"), [f"{number} {text}" for number in range(100)])
        took = time.monotonic() - began
        await batcher.aclose()

    assert took < 2 * 0.4  # three requests, side by side


async def test_texts_of_a_cancelled_job_that_have_not_left_are_not_sent(
    server: EmbeddingsServer, embedder: Embedder
) -> None:
    await server.switch(latency_ms=50)
    before = await server.counters()
    batcher = Batcher(embedder, concurrent_calls=1)

    job = asyncio.create_task(batcher.embed(payer("job"), texts_of("job", 1_000)))
    await asyncio.sleep(0.06)
    job.cancel()
    await batcher.embed(payer("after"), ["text"])

    assert (await server.counters())["inputs"] - before["inputs"] <= 301


async def test_closing_cancels_those_who_wait(server: EmbeddingsServer, batcher: Batcher) -> None:
    await server.switch(latency_ms=30_000)
    waiting = [
        asyncio.create_task(batcher.embed(payer(job), texts_of(job, 300))) for job in ("a", "b")
    ]
    await asyncio.sleep(0.05)

    await batcher.aclose()
    await asyncio.wait(waiting, timeout=5)

    assert all(task.cancelled() for task in waiting)
