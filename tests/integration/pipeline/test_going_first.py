"""A job that goes first is let pass by the others of its process, at their next step."""

import asyncio

import pytest

from db.engine import Sessions
from pipeline import precedence
from pipeline.attempt import Attempt
from pipeline.lease import LeaseKeeper
from pipeline.policy import Policy
from pipeline.run import Runner
from support.catalog import Home, apply

SOON_SECONDS = 20.0  # far more than it takes; only a failing test waits as long


async def test_a_neighbour_lets_a_job_pass_that_goes_first(
    sessions: Sessions, home: Home, keeper: LeaseKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precedence, "LET_PASS_SECONDS", 2 * SOON_SECONDS)
    monkeypatch.setattr(precedence, "FIRST_SECONDS", 2 * SOON_SECONDS)
    made = await apply(sessions, home.change("a.txt"), home.change("b.txt"))
    first, neighbour = [job for job in made.values() if job is not None]
    steps: list[str] = []
    first_is_at_work, neighbour_is_at_its_step = asyncio.Event(), asyncio.Event()

    async def process(attempt: Attempt) -> None:
        if attempt.claim.job_id == first:
            first_is_at_work.set()
            await neighbour_is_at_its_step.wait()
            await attempt.step()
            steps.append("first")
        else:
            await first_is_at_work.wait()
            neighbour_is_at_its_step.set()
            await attempt.step()
            steps.append("neighbour")

    runner = Runner(
        sessions=sessions,
        keeper=keeper,
        policy=Policy(),
        process=process,
        worker="w1",
        stopping=asyncio.Event(),
    )
    async with asyncio.timeout(SOON_SECONDS):
        await asyncio.gather(runner.run(neighbour), runner.run(first, first=True))

    assert steps == ["first", "neighbour"]
