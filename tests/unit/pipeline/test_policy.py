"""How long a job stays away from a dependency that is down."""

from datetime import timedelta

import pytest

from pipeline.policy import Policy

FIRST = timedelta(seconds=2)
MAXIMUM = timedelta(minutes=2)
POLICY = Policy(dependency_delay_first=FIRST, dependency_delay_max=MAXIMUM)
JITTER_MAX = 1.5
DRAWS = 200


def delays(waits: int, asked: timedelta | None = None) -> list[timedelta]:
    return [POLICY.dependency_delay(waits, asked) for _ in range(DRAWS)]


@pytest.mark.parametrize("waits", range(6))
def test_the_delay_doubles_with_every_wait(waits: int) -> None:
    doubled = FIRST * 2**waits

    assert min(delays(waits)) >= doubled
    assert max(delays(waits)) <= doubled * JITTER_MAX


def test_jobs_that_wait_together_do_not_come_back_together() -> None:
    drawn = delays(3)

    assert len(set(drawn)) > DRAWS / 2
    assert max(drawn) - min(drawn) > FIRST * 2**3 * 0.25


@pytest.mark.parametrize("waits", [6, 7, 60, 10**9])
def test_however_often_it_waited_the_delay_stays_below_the_maximum(waits: int) -> None:
    assert min(delays(waits)) >= MAXIMUM
    assert max(delays(waits)) <= MAXIMUM * JITTER_MAX


def test_what_the_dependency_asks_for_is_granted() -> None:
    asked = timedelta(seconds=45)

    assert min(delays(0, asked)) >= asked
    assert max(delays(0, asked)) <= asked * JITTER_MAX


def test_a_dependency_cannot_ask_for_more_than_the_maximum() -> None:
    assert max(delays(0, timedelta(days=1))) <= MAXIMUM * JITTER_MAX


def test_a_dependency_that_asks_for_less_does_not_shorten_the_delay() -> None:
    assert min(delays(5, timedelta(seconds=1))) >= FIRST * 2**5


def test_there_is_one_try_more_than_there_are_delays_between_tries() -> None:
    policy = Policy(retry_delays=(timedelta(seconds=1), timedelta(seconds=2)))

    assert policy.tries_max == 3
