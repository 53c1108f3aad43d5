"""How far an attempt says that it is."""

import pytest

from pipeline.costs import PACKED, TEXT, CostBook, Costs
from pipeline.course import Course


@pytest.mark.parametrize("costs", [TEXT, PACKED])
@pytest.mark.parametrize("characters_of_file", [300, 10_000, 90_000])
def test_the_percentage_rises_with_the_work_and_leaves_the_last_one_to_the_switch(
    costs: Costs, characters_of_file: int
) -> None:
    course = Course(costs, file_bytes=10_000)
    seen = [course.percent]

    for turn in range(1, 11):
        course.characters = characters_of_file * turn // 10
        course.cut = 10 * turn
        seen.append(course.percent)
        course.done = 10 * turn - 5
        seen.append(course.percent)
    course.total = 100
    seen.append(course.percent)
    course.done = 100
    seen.append(course.percent)

    assert seen == sorted(seen)
    assert seen[0] == 0
    assert 90 <= seen[-1] < 100


def test_text_that_was_read_by_half_and_stored_as_far_is_half_done() -> None:
    course = Course(TEXT, file_bytes=10_000, characters=5_000, cut=50, done=50)

    assert course.percent == pytest.approx(50, abs=5)
    assert course.seconds_left(60.0) == pytest.approx(60, abs=8)
    assert course.seconds_left(0.5) is None


def test_what_files_of_a_kind_cost_is_learnt_from_those_that_are_finished() -> None:
    book = CostBook()
    before = book.of("scan.pdf")

    for _ in range(30):
        book.learn(
            "a/other.PDF",
            {"fetch": 0.1, "parse": 9.0, "embed": 5.0, "verify": 0.1},
            total_seconds=10.0,
            file_bytes=1_000_000,
            characters=1_000,
        )

    after = book.of("scan.pdf")
    assert (before, book.of("notes.txt")) == (PACKED, TEXT)
    assert after.parse == pytest.approx(0.9, abs=0.01)
    assert after.rows == pytest.approx(0.08, abs=0.01)
    assert after.characters_per_byte == pytest.approx(0.001, rel=0.2)
    assert after.fetch + after.parse + after.rows + after.verify == pytest.approx(1)
