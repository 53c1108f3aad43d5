"""How often the sampler looks: often, unless looking takes long."""

from poller.sampler import pause_seconds


def test_one_slow_look_does_not_make_the_next_ones_rare() -> None:
    assert pause_seconds(0.5, 0.0) == pause_seconds(0.001, 0.5) == 5.0


def test_looks_that_take_long_are_a_hundredth_of_the_time() -> None:
    assert pause_seconds(0.5, 0.4) == 40.0
