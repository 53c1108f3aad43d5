"""Lines of a page come in reading order and as paragraphs, whatever order they were found in."""

import random

import pytest

from pipeline.parse.ocr.paragraphs import joined, paragraphs
from pipeline.parse.ocr.raster import Line

HEIGHT = 20


def line(text: str, left: float, row: float, width: float = 400) -> Line:
    """Rows are thirty pixels apart."""
    return Line(text, left, row * 30, left + width, row * 30 + HEIGHT, 0.99)


def texts(lines: list[Line]) -> list[str]:
    shuffled = random.Random(4).sample(lines, len(lines))
    return [paragraph.text for paragraph in paragraphs(shuffled)]


def column(name: str, left: float, rows: range) -> list[Line]:
    return [line(f"{name}{row}", left, row + (0.4 if left else 0)) for row in rows]


def test_columns_are_read_one_after_the_other_between_what_spans_them() -> None:
    lines = [
        line("Title", 0, 0, 860),
        *column("a", 0, range(2, 10)),
        *column("b", 460, range(2, 10)),
        line("Middle", 0, 12, 860),
        *column("c", 0, range(14, 20)),
        *column("d", 460, range(14, 20)),
    ]

    found = " ".join(texts(lines)).split()

    expected = ["Title"]
    for name, rows in (("a", range(2, 10)), ("b", range(2, 10))):
        expected += [f"{name}{row}" for row in rows]
    expected.append("Middle")
    for name, rows in (("c", range(14, 20)), ("d", range(14, 20))):
        expected += [f"{name}{row}" for row in rows]
    assert found == expected


def test_three_columns_are_three() -> None:
    lines = [*column("a", 0, range(8)), *column("b", 460, range(8)), *column("c", 920, range(8))]

    found = "".join(word[0] for word in " ".join(texts(lines)).split())

    assert found == "a" * 8 + "b" * 8 + "c" * 8


def test_the_rows_of_a_table_stay_together() -> None:
    lines = [
        line(f"{name}{row}", left, row, 60)
        for row in range(9)
        for name, left in (("x", 0), ("y", 300), ("z", 600))
    ]

    [table] = texts(lines)

    assert table.split("\n")[:2] == ["x0\ty0\tz0", "x1\ty1\tz1"]


def test_a_gap_a_size_and_an_item_begin_a_paragraph() -> None:
    heading = Line("Heading", 0, -40, 200, -4, 0.99)
    lines = [
        heading,
        line("one", 0, 0),
        line("two.", 0, 1, 150),
        line("three", 0, 2),
        line("four", 0, 3),
        line("five", 0, 5),
        line("- six", 0, 6),
        line("- seven", 0, 7),
    ]

    assert texts(lines) == ["Heading", "one two.", "three four", "five", "- six", "- seven"]


@pytest.mark.parametrize(
    ("text", "following", "whole"),
    [
        ("the docu-", "ment is", "the document is"),
        ("the North-", "South line", "the North- South line"),
        ("pages 3-", "4 of", "pages 3- 4 of"),
        ("a line", "and more", "a line and more"),
        ("深度学习", "模型", "深度学习模型"),
    ],
)
def test_a_word_that_was_parted_at_the_end_of_a_line_is_whole_again(
    text: str, following: str, whole: str
) -> None:
    assert joined(text, following) == whole
