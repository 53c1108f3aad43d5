"""Cursors come back as they went, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursors import decode_cursor, encode_cursor
from api.errors import InvalidRequest
from db.ids import uuid7


def test_a_cursor_holds_the_id_that_it_was_made_of() -> None:
    last = uuid7()

    assert decode_cursor(encode_cursor(last)) == last
    assert decode_cursor(None) is None


@given(st.text(max_size=64))
def test_any_other_text_is_refused_and_breaks_nothing(cursor: str) -> None:
    try:
        found = decode_cursor(cursor)
    except InvalidRequest:
        return

    assert found is not None


@pytest.mark.parametrize("cut", [1, 5, 22])
def test_a_cursor_that_was_cut_is_refused(cut: int) -> None:
    with pytest.raises(InvalidRequest):
        decode_cursor(encode_cursor(uuid7())[:-cut])
