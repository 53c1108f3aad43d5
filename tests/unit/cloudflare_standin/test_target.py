import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudflare_standin.conditions import Conditions, etag_matches
from cloudflare_standin.s3_errors import InvalidArgument, KeyTooLong, PreconditionFailed
from cloudflare_standin.s3_xml import read_delete, write_delete
from cloudflare_standin.target import target_of
from cloudflare_standin.upstream import ObjectState


def test_a_path_is_decoded_once_and_a_plus_stays_a_plus() -> None:
    target = target_of("/bucket/a+b%20c%252Fd")

    assert (target.bucket, target.key) == ("bucket", "a+b c%2Fd")


def test_a_key_is_folded_but_its_spelling_is_kept() -> None:
    target = target_of("/bucket/e%CC%81")

    assert target.key == "é"
    assert target.spelled == unicodedata.normalize("NFD", "é")


@pytest.mark.parametrize("path", ["/b/..%2Fx", "/b/a/../x", "/b/.", "/b//x", "/b/x/", "/b/%00"])
def test_a_key_that_could_leave_its_folder_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument):
        target_of(path)


def test_bytes_that_are_no_utf8_and_long_keys_are_refused() -> None:
    with pytest.raises(InvalidArgument):
        target_of("/b/%FF")
    with pytest.raises(KeyTooLong):
        target_of("/b/" + "%C3%A9" * 513)


@pytest.mark.parametrize(
    ("header", "matches"),
    [('"a"', True), ("a", True), ('"b", W/"a"', True), ("*", True), ("b", False)],
)
def test_an_etag_matches_with_or_without_quotes(header: str, matches: bool) -> None:
    assert etag_matches(header, '"a"') is matches


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "exists", "passes"),
    [
        ("*", None, True, True),
        ("*", None, False, False),
        (None, "*", False, True),
        (None, "*", True, False),
        (None, '"other"', True, True),
        ('"etag"', None, True, True),
        ('"other"', None, True, False),
    ],
)
def test_conditions_compare_with_the_object_that_is_there(
    if_match: str | None, if_none_match: str | None, exists: bool, passes: bool
) -> None:
    conditions = Conditions(if_match, if_none_match)
    state = ObjectState('"etag"', 1) if exists else None

    if passes:
        conditions.check(state)
    else:
        with pytest.raises(PreconditionFailed):
            conditions.check(state)


XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
    | st.sampled_from("\n\r\t"),
    min_size=1,
)


@given(st.lists(XML_TEXT, min_size=1, max_size=5))
def test_keys_survive_the_xml_of_a_delete(keys: list[str]) -> None:
    assert read_delete(write_delete(keys)).keys == keys
