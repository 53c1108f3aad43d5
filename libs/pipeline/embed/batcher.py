"""Filling calls to the embedder across the jobs of one process.

Many small documents at once would otherwise be many small calls. Inputs wait in one queue per job
and are taken in turns, so a job with thousands of chunks delays one with a single chunk by a call
at most. A call leaves at once while no other is under way; else when it is full, or when its
oldest input has waited for `HOLD`.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from pipeline.embed.answers import Vector
from pipeline.embed.client import EmbeddedEach, Embedder
from pipeline.embed.errors import EmbeddingInputFailed, EmbeddingInputRejected
from pipeline.embed.filling import Filling, Size, size_of
from pipeline.embed.splitting import split_tokens
from pipeline.embed.tokens import count_tokens

log = structlog.get_logger()

HOLD = timedelta(milliseconds=50)  # what a document may wait for neighbours; a call takes longer
CONCURRENT_CALLS = 4


@dataclass(frozen=True, slots=True)
class EmbeddedShare:
    """A caller's part of the calls that carried it; the parts of a call add up to its usage."""

    vectors: list[Vector]
    tokens: int
    tokens_reported: bool


@dataclass(slots=True, eq=False)
class _Share:
    vectors: list[Vector | None]
    missing: int
    done: asyncio.Future[None]
    tokens: int = 0
    tokens_reported: bool = True

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One input in the queue of its job."""

    share: _Share
    index: int
    text: str
    size: Size
    since: float


@dataclass(slots=True)
class _Turns:
    """The queues of the jobs; the job that stands first is next."""

    queues: OrderedDict[object, deque[_Waiting]] = field(default_factory=OrderedDict)
    inputs: int = 0

    def add(self, job: object, waiting: _Waiting) -> None:
        self.queues.setdefault(job, deque()).append(waiting)
        self.inputs += 1

    def oldest(self) -> float:
        return min(queue[0].since for queue in self.queues.values())

    def take(self, filling: Filling) -> list[_Waiting]:
        """One input of each job in turn until the request is full or one does not fit."""
        taken: list[_Waiting] = []
        while self.queues:
            job, queue = next(iter(self.queues.items()))
            if not queue[0].share.done.done():
                if not filling.take(queue[0].size):
                    break
                taken.append(queue[0])
            queue.popleft()
            self.inputs -= 1
            if queue:
                self.queues.move_to_end(job)
            else:
                del self.queues[job]
        return taken


class Batcher:
    """For one event loop; `aclose` it before its embedder."""

    def __init__(self, embedder: Embedder, *, concurrent_calls: int = CONCURRENT_CALLS) -> None:
        self._embedder = embedder
        self._concurrent_calls = concurrent_calls
        self._turns = _Turns()
        self._calls: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def embed(self, job: object, texts: Sequence[str]) -> EmbeddedShare:
        """The vectors of `texts` in order, in calls shared with other jobs.

        Raises `EmbeddingInputRejected` or `EmbeddingInputFailed` with the index in `texts` of the
        one that is to blame, an `EmbedderError` if a call that carried some of them failed.
        Cancelling drops what has not left yet and the rest when it returns.
        """
        if not texts:
            return EmbeddedShare([], 0, tokens_reported=True)
        model = self._embedder.model
        sizes = await asyncio.to_thread(
            lambda: [size_of(model.passage_prefix + text, model) for text in texts]
        )
        loop = asyncio.get_running_loop()
        share = _Share([None] * len(texts), len(texts), loop.create_future())
        for index, (text, size) in enumerate(zip(texts, sizes, strict=True)):
            self._turns.add(job, _Waiting(share, index, text, size, loop.time()))
        # After this turn of the loop, so that callers of the same moment share a call.
        loop.call_soon(self._dispatch)
        await share.done
        return EmbeddedShare(
            [vector for vector in share.vectors if vector is not None],
            share.tokens,
            share.tokens_reported,
        )

    async def aclose(self) -> None:
        """Stop the calls under way; their callers are cancelled."""
        for queue in self._turns.queues.values():  # first: a call that ends sends the next
            for waiting in queue:
                waiting.share.done.cancel()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def _dispatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while self._turns.queues and len(self._calls) < self._concurrent_calls:
            ripe_at = self._turns.oldest() + HOLD.total_seconds()
            full = self._turns.inputs >= self._embedder.model.batch_inputs
            if self._calls and not full and loop.time() < ripe_at:
                self._timer = loop.call_at(ripe_at, self._dispatch)
                return
            batch = self._turns.take(Filling(self._embedder.model))
            if batch:
                self._calls.add(call := loop.create_task(self._call(batch)))
                call.add_done_callback(self._call_ended)

    def _call_ended(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._dispatch()

    async def _call(self, batch: list[_Waiting]) -> None:
        try:
            result = await self._embedder.embed_each([waiting.text for waiting in batch])
            tokens = await self._split(batch, result)
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.share.done.cancel()
            raise
        except Exception as error:  # the callers raise it, whatever it is; nobody else awaits this
            for waiting in batch:
                waiting.share.fail(error)
            return
        for place, (waiting, vector, cost) in enumerate(
            zip(batch, result.vectors, tokens, strict=True)
        ):
            if place in result.failed:
                waiting.share.fail(EmbeddingInputFailed(waiting.index))
                continue
            _deliver(waiting, vector, cost, reported=result.tokens_reported)

    async def _split(self, batch: list[_Waiting], result: EmbeddedEach) -> list[int]:
        """What each input of the batch has cost; only shared calls need tokens counted."""
        if all(waiting.share is batch[0].share for waiting in batch):
            return [result.tokens] + [0] * (len(batch) - 1)
        prefix = self._embedder.model.passage_prefix
        paid = [
            "" if vector is None else prefix + waiting.text
            for waiting, vector in zip(batch, result.vectors, strict=True)
        ]
        weights = await asyncio.to_thread(lambda: [count_tokens(text) for text in paid])
        return split_tokens(result.tokens, weights)


def _deliver(waiting: _Waiting, vector: Vector | None, tokens: int, *, reported: bool) -> None:
    share = waiting.share
    share.tokens += tokens
    share.tokens_reported = share.tokens_reported and reported
    if vector is None:
        share.fail(EmbeddingInputRejected(waiting.index))
        return
    share.vectors[waiting.index] = vector
    share.missing -= 1
    if not share.missing and not share.done.done():
        share.done.set_result(None)
