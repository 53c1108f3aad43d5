import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import analyse, analyse_query, matches
from pipeline.languages import language_of


@given(st.text())
def test_only_ascii_letters_and_digits_leave(text: str) -> None:
    assert re.fullmatch(r"([0-9a-z]+( [0-9a-z]+)*)?", analyse(text))


@given(st.text(), st.integers(min_value=0, max_value=200))
def test_the_limit_in_bytes_holds_and_cuts_between_tokens(text: str, limit: int) -> None:
    whole = analyse(text).split()

    cut = analyse(text, bytes_max=limit)

    assert len(cut) <= limit
    assert cut.split() == whole[: len(cut.split())]


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1))
def test_letters_and_digits_always_leave_a_token(text: str) -> None:
    assert analyse(text)


def test_forms_of_a_word_and_of_a_character_become_one_token() -> None:
    assert analyse("Running RUNS run") == "run run run"
    assert analyse("ﬁle ｆｉｌｅ") == "file file"
    assert analyse("e\u0301cole") == analyse("ÉCOLE")
    assert analyse("Straße") == analyse("STRASSE")


def test_different_words_of_other_scripts_stay_different() -> None:
    words = ["люди", "человек", "שלום", "سلام", "हिन्दी", "καφές", "café", "cafe"]

    assert len({analyse(word) for word in words}) == len(words)


def test_a_plain_word_that_looks_encoded_is_not_taken_for_one() -> None:
    encoded = analyse("люди")

    assert analyse(encoded) != encoded
    assert len(analyse(encoded).split()) == 1


def test_scripts_without_blanks_become_pairs_apart_from_what_surrounds_them() -> None:
    tokens = analyse("東京タワーはTokyo 2024年").split()

    assert tokens[:4] == analyse("東京 京タ タワ ワー").split()
    assert "tokyo" in tokens
    assert "2024" in tokens
    assert tokens[-1] == analyse("年")


@pytest.mark.parametrize("text", ["ประเทศไทย", "ປະເທດລາວ", "ប្រទេស", "မြန်မာ", "한국어를"])
def test_part_of_a_run_shares_pairs_with_the_whole(text: str) -> None:
    assert set(analyse(text[1:4]).split()) <= set(analyse(text).split())


def test_combining_vowels_do_not_split_a_word() -> None:
    assert len(analyse("हिन्दी में").split()) == 2


def test_an_endless_word_is_cut() -> None:
    assert len(analyse("a" * 10_000)) <= 64


def test_a_language_chooses_the_stemmer() -> None:
    assert analyse("Häuser", language="de") == analyse("Haus", language="de")
    assert analyse("Häuser", language="en") != analyse("Haus", language="en")
    assert analyse("running", language="vi") == "running"  # it has none


@pytest.mark.parametrize(
    ("one", "other"), [("насосы", "насосов"), ("मकानों", "मकान"), ("كتابان", "كتاب")]
)
def test_a_script_chooses_the_stemmer_whatever_the_language(one: str, other: str) -> None:
    assert analyse(one) == analyse(other) == analyse(one, language="de")


def test_a_query_has_each_word_in_the_form_of_every_language_once() -> None:
    tokens = analyse_query("Häuser houses Häuser", ["de"]).split()

    assert sorted(tokens) == sorted(
        {
            analyse("Häuser", language="de"),
            analyse("Häuser"),
            analyse("houses", language="de"),
            analyse("houses"),
        }
    )


@given(st.text())
def test_a_query_finds_what_was_analysed_in_any_of_its_languages(text: str) -> None:
    asked = set(analyse_query(text, ["de", "fr"]).split())
    found = [set(analyse(text, language=language).split()) for language in ("en", "de", "fr")]

    assert asked <= set().union(*found)
    if language_of(text) is None:
        assert all(some <= asked for some in found)


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("What is the lift of a wing in the slipstream?", "lift wing slipstream"),
        ("Wie hoch ist der Auftrieb in dem Strahl?", "hoch Auftrieb Strahl"),
        ("What does the WHO say of IT in the US", "WHO say IT US"),
        ("WHAT IS THE LIFT", "LIFT"),
        ("to be or not to be, that is what it was", "to be or not to be that is what it was"),
        ("it security", "it security"),
    ],
)
def test_words_that_every_sentence_has_are_not_looked_for(query: str, left: str) -> None:
    expected = {token for word in left.split() for token in _forms(word)}

    assert set(analyse_query(query, ["de"]).split()) == expected


def _forms(word: str) -> set[str]:
    return {analyse(word), analyse(word, language="de")}


def test_matches_are_where_the_words_of_a_query_stand() -> None:
    text = "The PUMP pumps; a ﬁle, 東京タワー."
    asked = set(analyse_query("pumping files 京タワ", []).split())

    found = [text[start:end] for start, end in matches(text, asked, language="en")]

    assert found == ["PUMP", "pumps", "ﬁle", "京タワ"]


@given(st.text(), st.text())
def test_matches_lie_in_the_text_and_do_not_overlap(text: str, query: str) -> None:
    found = matches(text, set(analyse_query(query, []).split()), language="en")

    edges = [edge for match in found for edge in match]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in found)
