"""Failures that differ only in what is particular to a document are one kind of failure."""

import pytest

from db.fingerprints import error_fingerprint


def of(text: str, *, code: str = "parser_crashed", stage: str | None = "parse") -> str:
    return error_fingerprint(code, stage, text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The file has 12 pages.", "The file has 1,204.5 pages."),
        ("No object 'a b.pdf' there.", "No object 'it's.pdf' there."),
        ('Sheet "Übersicht" is broken.', 'Sheet "x" is broken.'),
        ("Sheet “one” is broken.", "Sheet „two“ is broken."),
        (
            "Row 0198f3a2-7c1e-7b60-9d54-3f1f0a6c2e11 is lost.",
            "Row 1F98F3A2-0000-7b60-9d54-3f1f0a6c2e12 is lost.",
        ),
        ("Object deadbeef01 moved.", "Object 00ffeedd99aa moved."),
        ("Crash at 0xDEAD.", "Crash at 0x1."),
        ("The  parser\ncrashed.", "the parser crashed."),
    ],
)
def test_particulars_do_not_count(one: str, other: str) -> None:
    assert of(one) == of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (of("The parser crashed."), of("The parser hung.")),
        (of("x"), of("x", code="parser_timeout")),
        (of("x"), of("x", stage="embed")),
        (of("x"), of("x", stage=None)),
        # An apostrophe opens no quotation, and a word of the letters a to f is no id.
        (of("The worker's parser can't go on."), of("The worker's store can't go on.")),
        (of("The facade was defaced."), of("The facade was effaced.")),
    ],
)
def test_what_is_said_counts(one: str, other: str) -> None:
    assert one != other


def test_it_is_short_and_stays_the_same_for_good() -> None:
    assert of("The parser crashed.") == "b7d9b0827c524d09"


def test_any_text_has_one() -> None:
    assert len({of(""), of("\0"), of("\ud800"), of("'" * 100_000)}) == 4
