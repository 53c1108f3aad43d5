"""Which names become object keys."""

import unicodedata
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.file_names import KEY_BYTES_MAX, normalised, object_key


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "a.txt",
        "folder/a b.txt",
        "日本語/報告.pdf",
        "a+b&c=d?e#f%20.txt",
        "...",
        "a..b",
        "x" * 987,
    ],
)
def test_what_people_call_their_files_is_taken(name: str) -> None:
    assert normalised(name) == name


def test_the_longest_name_fills_the_key_to_its_limit() -> None:
    assert len(object_key(uuid4(), normalised("x" * 987)).encode()) == KEY_BYTES_MAX


@given(st.text(max_size=80))
def test_whatever_is_taken_stays_inside_its_dataset(name: str) -> None:
    try:
        taken = normalised(name)
    except ValueError:
        return

    assert unicodedata.is_normalized("NFC", taken)
    assert normalised(taken) == taken
    assert not {"", ".", ".."} & set(taken.split("/"))
    assert taken.isprintable() or not any(ord(character) < 32 for character in taken)
