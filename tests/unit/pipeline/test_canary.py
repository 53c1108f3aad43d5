"""Whether a dependency is away is asked once for all attempts that fail at a moment."""

import asyncio

import pytest

from pipeline.canary import Canaries
from pipeline.errors import Dependency, DependencyError


class Asked:
    """A dependency that answers as it is told, and counts."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.times = 0

    async def __call__(self) -> None:
        self.times += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


async def test_a_dependency_that_answers_the_canary_is_not_away() -> None:
    canaries = Canaries({Dependency.EMBEDDER: Asked()})

    assert not await canaries.is_away(Dependency.EMBEDDER)


@pytest.mark.parametrize(
    "error",
    [
        DependencyError("It is gone.", dependency=Dependency.EMBEDDER),
        ConnectionRefusedError(),
        TimeoutError(),
        ValueError("What a library raises over a strange answer."),
    ],
)
async def test_a_dependency_that_fails_the_canary_too_is_away(error: Exception) -> None:
    canaries = Canaries({Dependency.EMBEDDER: Asked(error)})

    assert await canaries.is_away(Dependency.EMBEDDER)


async def test_attempts_that_fail_together_share_a_canary() -> None:
    asked = Asked()
    canaries = Canaries({Dependency.EMBEDDER: asked})

    await asyncio.gather(*(canaries.is_away(Dependency.EMBEDDER) for _ in range(10)))

    assert asked.times == 1


async def test_a_dependency_without_a_canary_is_believed_to_be_away() -> None:
    assert await Canaries({}).is_away(Dependency.SCRATCH)
