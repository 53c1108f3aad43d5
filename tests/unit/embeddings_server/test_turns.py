"""Requests share the threads: a query does not wait for the batch before it."""

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from embeddings_server.inputs import Input
from embeddings_server.turns import Turns
from embeddings_server.wire import Vector


class GatedModel:
    """Encodes one input each time the gate lets one through, and remembers the order."""

    name = "gated"
    dimensions = 1
    description = "gated"

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.started = threading.Semaphore(0)
        self.order: list[bytes] = []

    def read(self, texts: Sequence[str]) -> list[Input]:
        return [Input(1, text.encode()) for text in texts]

    def encode(self, read: Input) -> Vector:
        assert isinstance(read.content, bytes)
        self.started.release()
        self.gate.acquire()
        self.order.append(read.content)
        if read.content == b"bad":
            raise ArithmeticError("no vector for this")
        return np.array([len(read.content)], dtype=np.float32)


@pytest.fixture
def model() -> GatedModel:
    return GatedModel()


@pytest.fixture
def turns(model: GatedModel) -> Iterator[Turns]:
    turns = Turns(model, threads=1)
    yield turns
    model.gate.release(1_000)
    turns.close()


async def test_a_query_is_served_between_the_inputs_of_a_batch(
    model: GatedModel, turns: Turns
) -> None:
    batch = asyncio.create_task(turns.encode(model.read([f"batch-{i}" for i in range(5)])))
    await asyncio.to_thread(model.started.acquire)

    query = asyncio.create_task(turns.encode(model.read(["query"])))
    await asyncio.sleep(0)
    model.gate.release(6)
    await asyncio.gather(batch, query)

    assert model.order.index(b"query") <= 2


async def test_vectors_come_in_the_order_of_the_inputs(model: GatedModel, turns: Turns) -> None:
    model.gate.release(3)

    vectors = await turns.encode(model.read(["a", "bbb", "cc"]))

    assert [vector.tolist() for vector in vectors] == [[1.0], [3.0], [2.0]]


async def test_inputs_of_a_cancelled_request_are_not_computed(
    model: GatedModel, turns: Turns
) -> None:
    batch = asyncio.create_task(turns.encode(model.read([f"batch-{i}" for i in range(50)])))
    await asyncio.to_thread(model.started.acquire)

    batch.cancel()
    await asyncio.wait({batch})
    model.gate.release(2)
    await turns.encode(model.read(["after"]))

    assert model.order == [b"batch-0", b"after"]


async def test_a_failing_input_fails_its_request_and_no_other(
    model: GatedModel, turns: Turns
) -> None:
    model.gate.release(10)

    with pytest.raises(ArithmeticError):
        await turns.encode(model.read(["bad", "a"]))
    vectors = await turns.encode(model.read(["fine"]))

    assert vectors[0].tolist() == [4.0]
