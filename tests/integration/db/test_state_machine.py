"""No sequence of commands reaches a dead end, an illegal state or a lost update.

Hypothesis draws the commands; every one is carried out by the real repositories on a real
Postgres. At the end of each example a worker that never fails does all the work that is left, and
then the index must agree with the bucket.
"""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import Sessions, async_url, session_factory
from integration.db.draining import check_agreement, drain
from integration.db.machine import Machine

Command = tuple[str, int, int]  # its name, the document, and a choice

# Those that make the others meet come more often.
OFTEN = ("upload", "claim", "step")
SOMETIMES = (
    *("event", "say_complete", "delete_document", "cancel", "retry", "fail", "retry_later"),
    *("lapse", "upkeep", "wait", "release"),
)
SELDOM = (
    *("vanish", "audit", "delete_dataset", "pause", "prioritise", "progress", "hold_removal"),
    "time_passes",
)
DOCS = st.sampled_from((0, 0, 0, 0, 1, 2))  # mostly one document, so that the commands meet
CHOICES = st.integers(0, 5)
ONE = st.tuples(st.sampled_from(OFTEN * 3 + SOMETIMES * 2 + SELDOM), DOCS, CHOICES).map(
    lambda one: [one]
)


@st.composite
def attempts(draw: st.DrawFn) -> list[Command]:
    """An attempt in a row, as far as it gets, and perhaps of something new."""
    doc, steps = draw(DOCS), draw(st.integers(0, 3))
    upload = [("upload", doc, draw(CHOICES))] if draw(st.booleans()) else []
    return [*upload, ("claim", doc, 1), *[("step", doc, 0)] * steps]


def in_a_row(parts: list[list[Command]]) -> list[Command]:
    return [command for part in parts for command in part]


COMMANDS = st.lists(ONE | attempts(), min_size=6, max_size=30).map(in_a_row)


@pytest.fixture
async def sessions(database_url: str) -> AsyncIterator[Sessions]:
    """Without the pings of a pool that may have been cut off: they would take half the time."""
    engine = create_async_engine(async_url(database_url), pool_size=2, pool_reset_on_return=None)
    yield session_factory(engine)
    await engine.dispose()


@settings(
    max_examples=90,
    deadline=None,
    derandomize=True,  # the same examples everywhere
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    commands=COMMANDS,
    lost=st.booleans(),
)
async def test_whatever_is_asked_in_whatever_order_the_index_agrees_with_the_bucket_in_the_end(
    sessions: Sessions, commands: list[Command], *, lost: bool
) -> None:
    """`lost`: events of which a client, a look or a later event has told need not come."""
    machine = await Machine.make(sessions)

    for command, doc, which in commands:
        await machine.do(command, doc, which)
    await drain(machine, events_are_lost=lost)

    await check_agreement(machine)
