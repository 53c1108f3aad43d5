"""Filling calls to the embedder across the jobs of one process, and paying for no text twice.

Many small documents at once would otherwise be many small calls. Inputs wait in one queue per job
and are taken in turns, so a job with thousands of chunks delays one with a single chunk by a call
at most. A call leaves at once while no other is under way; else when it is full, or when its
oldest input has waited for `HOLD`. In a crowd it waits longer: a little for every job that is known
to be on its way here, until most have come. Where the process is full and more wait outside, a job
that has been here makes way for one that will come. A call is filled when the pace lets it go.

A text that another job of the tenant has waiting, under way or just answered is not sent again. One
that the endpoint would not take now (429) goes back to its queue and leaves later; its call is over
and holds up nobody.
"""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from pipeline.embed.answers import Vector
from pipeline.embed.client import Answer, EmbeddedEach, Embedder
from pipeline.embed.errors import (
    EmbedderError,
    EmbedderQuotaExhausted,
    EmbedderRateLimited,
    EmbeddingInputFailed,
    EmbeddingInputRejected,
)
from pipeline.embed.filling import Filling, size_of
from pipeline.embed.recent import Recent
from pipeline.embed.splitting import split_tokens
from pipeline.embed.tokens import count_tokens
from pipeline.embed.waiting import Claim, Payer, Share, Turns, Waiting

log = structlog.get_logger()

HOLD = timedelta(milliseconds=50)  # what a document may wait for neighbours; a call takes longer
# A crowd of so many is waited for, by so much for each that is still to come, until those who wait
# are so many times as many as those. Whoever goes first does not wait, nor do those with him.
CROWD_MIN = 16
HOLD_EACH = timedelta(milliseconds=40)
HOLD_CROWD = timedelta(seconds=10)  # a hundred small files, on a machine that is busy besides
MOST = 16
LOOK_AGAIN_SECONDS = 0.5  # at who is still to come, while a call is held back
CONCURRENT_CALLS = 4
RECORD_SECONDS = 5.0  # for the last calls to be written down at the end
# So long an input is sent again to an endpoint that says 429. Then its job waits in Postgres, where
# it holds neither memory nor a thread.
PATIENCE = timedelta(seconds=60)
# Where a refusal names no time; longer each time that the input was refused.
PAUSE_FIRST = timedelta(milliseconds=250)
PAUSE_MAX = timedelta(seconds=8)
BYTES_PER_TOKEN = 4  # of what is not counted yet; the pace learns the truth from the answer

# Writes down what these have been charged; called once a call, with each of them once.
Record = Callable[[Sequence[Payer]], Awaitable[None]]


# Whether another job begins as soon as one has ended.
IsFollowed = Callable[[], bool]


async def _record_nothing(_: Sequence[Payer]) -> None:
    return


@dataclass(frozen=True, slots=True)
class EmbeddedShare:
    """Indices in `reused` are of texts that were paid for already, in `cut` of those that the
    endpoint takes only in part."""

    vectors: list[Vector]
    reused: list[int]
    cut: list[int]


class Batcher:
    """For one event loop; `aclose` it before its embedder."""

    def __init__(
        self,
        embedder: Embedder,
        *,
        concurrent_calls: int = CONCURRENT_CALLS,
        record: Record = _record_nothing,
        patience: timedelta = PATIENCE,
        is_followed: IsFollowed = lambda: False,
    ) -> None:
        self._embedder = embedder
        self._concurrent_calls = concurrent_calls
        self._record = record
        self._patience = patience.total_seconds()
        self._is_followed = is_followed
        self._turns = Turns()
        self._recent = Recent()
        self._pending: dict[bytes, Waiting] = {}  # queued, put aside or under way
        self._calls: set[asyncio.Task[None]] = set()
        self._empty_calls = 0  # those of them that wait for the pace, and take what there is then
        self._timer: asyncio.TimerHandle | None = None
        self._expected: set[object] = set()
        self._leaving: set[object] = set()
        self._charged: dict[int, Payer] = {}  # and not written down yet
        self._recording: asyncio.Task[None] | None = None
        self._is_closed = False

    @contextmanager
    def expecting(self, job: object) -> Iterator[None]:
        """The job is on its way to its first `embed`, which may never come, and then to its end."""
        self._expected.add(job)
        try:
            yield
        finally:
            self.passed(job)

    def passed(self, job: object) -> None:
        """The job comes to no further `embed`, though its attempt goes on, perhaps for long."""
        # No look for each that leaves: those whom it makes room for are not here yet.
        self._leaving.discard(job)
        if job in self._expected:
            self._expected.discard(job)
            asyncio.get_running_loop().call_soon(self._dispatch)

    async def embed(self, payer: Payer, texts: Sequence[str]) -> EmbeddedShare:
        """The vectors of `texts` in order, in calls shared with other jobs.

        Raises `EmbeddingInputRejected` or `EmbeddingInputFailed` with the index in `texts` of the
        one that is to blame, an `EmbedderError` if a call that carried some of them failed.
        Cancelling drops what has not left yet and the rest when it returns; whatever is answered
        is charged to somebody.
        """
        if not texts:
            return EmbeddedShare([], [], [])
        model = self._embedder.model
        measured = await asyncio.to_thread(
            lambda: [
                (_key(payer.tenant, text), size_of(model.passage_prefix + text, model))
                for text in texts
            ]
        )
        loop = asyncio.get_running_loop()
        share = Share(payer, [None] * len(texts), len(texts), loop.create_future())
        for index, (text, (key, size)) in enumerate(zip(texts, measured, strict=True)):
            claim = Claim(share, index)
            if (vector := self._recent.get(key)) is not None:
                share.give(index, vector, reused=True)
            elif key in self._pending:
                self._pending[key].claims.append(claim)
                if payer.is_first:
                    self._turns.hurry(self._pending[key], payer.job)
            else:
                waiting = Waiting(key, text, size, payer.job, loop.time(), [claim])
                self._pending[key] = waiting
                self._turns.add(waiting)
        was_expected = payer.job in self._expected
        self._expected.discard(payer.job)
        # After this turn of the loop, so that callers of the same moment share a call.
        loop.call_soon(self._dispatch)
        await share.done
        if was_expected:
            self._leaving.add(payer.job)
        vectors = [vector for vector in share.vectors if vector is not None]
        return EmbeddedShare(vectors, share.reused, share.cut)

    async def aclose(self) -> None:
        """Stop the calls under way; their callers are cancelled."""
        self._is_closed = True
        for waiting in self._pending.values():  # first: a call that ends sends the next
            for claim in waiting.claims:
                claim.share.done.cancel()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if self._recording is not None:  # what is not written by then, the ledger knows
            await asyncio.wait([self._recording], timeout=RECORD_SECONDS)
        if self._timer is not None:
            self._timer.cancel()

    def _dispatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_closed:
            return
        loop = asyncio.get_running_loop()
        batch_inputs = self._embedder.model.batch_inputs
        while len(self._calls) < self._concurrent_calls:
            left = self._turns.inputs - self._empty_calls * batch_inputs
            if left <= 0:
                return
            ripe_at = self._turns.oldest() + self._hold()
            if left < batch_inputs and loop.time() < ripe_at:
                look_at = min(ripe_at, loop.time() + LOOK_AGAIN_SECONDS)
                self._timer = loop.call_at(look_at, self._dispatch)
                return
            self._empty_calls += 1
            self._calls.add(call := loop.create_task(self._call()))
            call.add_done_callback(self._call_ended)

    def _hold(self) -> float:
        """Seconds that the oldest input waits for a fuller call."""
        hold = HOLD if self._calls else timedelta(0)
        coming, waiting = len(self._expected), len(self._turns.queues)
        if self._is_followed():
            coming += len(self._leaving)
        is_crowd = coming + waiting >= CROWD_MIN and coming * MOST > waiting
        if is_crowd and not self._turns.someone_is_first():
            hold = max(hold, min(HOLD_EACH * coming, HOLD_CROWD))
        return hold.total_seconds()

    def _call_ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._dispatch()

    async def _call(self) -> None:
        try:
            await self._embedder.pace.take(self._expected_tokens())
        except Exception as error:  # as below
            self._fail(self._turns.clear(), error)
            return
        finally:
            self._empty_calls -= 1
        batch, unwanted = self._turns.take(Filling(self._embedder.model))
        self._forget(unwanted)
        # A request that is full by its bytes or tokens leaves some behind.
        asyncio.get_running_loop().call_soon(self._dispatch)
        if not batch:
            return

        async def answered(answer: Answer) -> None:
            await self._deliver([batch[index] for index in answer.indices], answer)

        try:
            result = await self._embedder.embed_some(
                [waiting.text for waiting in batch],
                paced=True,
                is_wanted=lambda index: batch[index].is_wanted,
                answered=answered,
            )
        except asyncio.CancelledError:
            for waiting in batch:
                for claim in waiting.claims:
                    claim.share.done.cancel()
            raise
        except Exception as error:  # the callers raise it, whatever it is; nobody else awaits this
            self._fail(batch, error)
            return
        self._end(batch, result)

    async def _deliver(self, answered: list[Waiting], answer: Answer) -> None:
        """Of a call that is halved, each half as it comes."""
        tokens = await self._split(answered, answer)
        self._forget(answered)
        for index, waiting, vector, cost in zip(
            answer.indices, answered, answer.vectors, tokens, strict=True
        ):
            if cost:
                payer = waiting.payer
                payer.charge(cost, counted=not answer.tokens_reported)
                self._charged[id(payer)] = payer
            is_cut = index in answer.cut
            if not is_cut:
                self._recent.put(waiting.key, vector)
            waiting.give(vector, cut=is_cut)
        if self._charged and self._recording is None:
            self._recording = asyncio.create_task(self._write_down())

    async def _write_down(self) -> None:
        """Apart from the calls: they do not wait for Postgres."""
        try:
            while self._charged:
                charged, self._charged = self._charged, {}
                await self._record(list(charged.values()))
        finally:
            self._recording = None

    def _end(self, batch: list[Waiting], result: EmbeddedEach) -> None:
        """What has become of those of a call that have no vector."""
        left = [place for place, vector in enumerate(result.vectors) if vector is None]
        self._forget([batch[place] for place in left])
        unanswered: list[Waiting] = []
        for place in left:
            if place in result.failed:
                _blame(batch[place], EmbeddingInputFailed)
            elif place in result.refused:
                _blame(batch[place], EmbeddingInputRejected)
            else:
                unanswered.append(batch[place])
        if result.error is not None:
            self._again_or_fail(unanswered, result.error)
            return
        # Nobody wanted them when their turn came; somebody may since.
        again = [waiting for waiting in unanswered if waiting.is_wanted]
        self._pending.update((waiting.key, waiting) for waiting in again)
        self._put_back(again)

    def _again_or_fail(self, unanswered: list[Waiting], error: EmbedderError) -> None:
        if isinstance(error, EmbedderQuotaExhausted):
            # No other call would be answered either.
            self._fail([*unanswered, *self._turns.clear()], error)
            return
        if not isinstance(error, EmbedderRateLimited):
            self._fail(unanswered, error)
            return
        loop = asyncio.get_running_loop()
        # One pause for all, so that they leave together again.
        pause = _pause(max((each.refusals for each in unanswered), default=0), error.retry_after)
        kept: list[Waiting] = []
        for waiting in unanswered:
            waiting.refusals += 1
            waiting.refused_at = waiting.refused_at or loop.time()
            if loop.time() + pause - waiting.refused_at > self._patience:
                self._fail([waiting], error)
            else:
                self._pending[waiting.key] = waiting
                kept.append(waiting)
        loop.call_later(pause, self._put_back, kept)

    def _put_back(self, some: list[Waiting]) -> None:
        self._turns.put_back(reversed(some))
        self._dispatch()

    def _fail(self, some: Sequence[Waiting], error: BaseException) -> None:
        self._forget(some)
        for waiting in some:
            waiting.fail(error)

    def _forget(self, some: Sequence[Waiting]) -> None:
        for waiting in some:
            if self._pending.get(waiting.key) is waiting:
                del self._pending[waiting.key]

    def _expected_tokens(self) -> int:
        model = self._embedder.model
        share = min(1.0, model.batch_inputs / max(self._turns.inputs, 1))
        return min(int(self._turns.bytes * share) // BYTES_PER_TOKEN, model.batch_tokens)

    async def _split(self, answered: list[Waiting], answer: Answer) -> list[int]:
        """What each of them has cost; only shared calls need tokens counted."""
        if len({id(waiting.payer) for waiting in answered}) < 2:
            return [answer.tokens, *[0] * (len(answered) - 1)]
        prefix = self._embedder.model.passage_prefix
        texts = [prefix + waiting.text for waiting in answered]
        weights = await asyncio.to_thread(lambda: [count_tokens(text) for text in texts])
        return split_tokens(answer.tokens, weights)


def _key(tenant: UUID, text: str) -> bytes:
    return hashlib.sha256(tenant.bytes + text.encode("utf-8", "surrogatepass")).digest()


def _pause(refusals: int, asked: timedelta | None) -> float:
    """Seconds; with jitter, so that calls refused together do not come back together."""
    own = min(PAUSE_FIRST * (1 << min(refusals, 16)), PAUSE_MAX)
    pause = own if asked is None else max(asked, PAUSE_FIRST)
    return pause.total_seconds() * random.uniform(1.0, 1.2)  # noqa: S311  # jitter, not a secret


def _blame(
    waiting: Waiting, error: type[EmbeddingInputFailed] | type[EmbeddingInputRejected]
) -> None:
    for claim in waiting.claims:
        claim.share.fail(error(claim.index))
