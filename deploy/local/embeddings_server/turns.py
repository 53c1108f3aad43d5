"""Threads that compute inputs, one at a time, taking turns between requests.

A query that arrives behind a batch of a hundred waits for the inputs that are being computed, not
for the batch: the k-th input of a request ranks k places after the input that is computed when the
request arrives, so requests share the threads evenly and none starves.
"""

import asyncio
import heapq
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from embeddings_server.inputs import Input
from embeddings_server.models import Model
from embeddings_server.problems import Overloaded
from embeddings_server.wire import Vector

WAITING_MAX = 50_000  # inputs; twenty minutes of work for two threads, so nobody would wait for it


@dataclass(slots=True, eq=False)
class _Request:
    inputs: list[Input]
    done: asyncio.Future[None]
    vectors: dict[int, Vector] = field(default_factory=dict)
    abandoned: bool = False


class Turns:
    def __init__(self, model: Model, *, threads: int) -> None:
        self._model = model
        self._lock = threading.Condition()
        self._heap: list[tuple[int, int, int, _Request]] = []  # rank, arrival, index, request
        self._rank = 0
        self._arrivals = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"encode-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def encode(self, inputs: Sequence[Input]) -> list[Vector]:
        """The vectors in order; a cancelled caller's remaining inputs are not computed."""
        request = _Request(list(inputs), asyncio.get_running_loop().create_future())
        self._add(request)
        try:
            await request.done
        finally:
            request.abandoned = True
        return [request.vectors[index] for index in range(len(inputs))]

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def _add(self, request: _Request) -> None:
        with self._lock:
            if len(self._heap) + len(request.inputs) > WAITING_MAX:
                raise Overloaded("The server is overloaded.", retry_after_seconds=5)
            self._arrivals += 1
            for index in range(len(request.inputs)):
                heapq.heappush(self._heap, (self._rank + index, self._arrivals, index, request))
            self._lock.notify_all()

    def _next(self) -> tuple[_Request, int] | None:
        with self._lock:
            while True:
                while not self._heap and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return None
                self._rank, _, index, request = heapq.heappop(self._heap)
                if not request.abandoned:
                    return request, index

    def _work(self) -> None:
        while (turn := self._next()) is not None:
            request, index = turn
            loop = request.done.get_loop()
            try:
                vector = self._model.encode(request.inputs[index])
            except Exception as error:  # outer loop of a thread: the request fails
                request.abandoned = True
                loop.call_soon_threadsafe(_fail, request.done, error)
                continue
            with self._lock:
                request.vectors[index] = vector
                finished = len(request.vectors) == len(request.inputs)
            if finished:
                loop.call_soon_threadsafe(_finish, request.done)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _fail(done: asyncio.Future[None], error: Exception) -> None:
    if not done.done():
        done.set_exception(error)
