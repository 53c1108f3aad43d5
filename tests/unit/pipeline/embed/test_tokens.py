"""Token counts are those of OpenAI's cl100k_base, without a network."""

import os

import pytest
import tiktoken

from pipeline.embed import tokens
from pipeline.embed.tokens import count_tokens, load_encoding


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("hello world", 2),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
        ("tiktoken is great!", 6),
    ],
)
def test_known_texts_have_their_known_counts(text: str, count: int) -> None:
    assert count_tokens(text) == count


def test_what_looks_like_a_special_token_is_plain_text() -> None:
    assert count_tokens("<|endoftext|>") > 1


def test_the_environment_is_as_it_was_and_tiktoken_needs_no_network_afterwards() -> None:
    before = dict(os.environ)

    load_encoding()

    assert dict(os.environ) == before
    assert tiktoken.get_encoding("cl100k_base") is load_encoding()


def test_a_text_that_is_counted_in_pieces_has_the_count_of_the_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "Some words, 12 numbers; a line\n\n  indented and   blanks. Größe 中文字 done. " * 300
    whole = count_tokens(text)

    monkeypatch.setattr(tokens, "PIECE_CHARS_MAX", 5_000)

    assert count_tokens(text) == whole


def test_a_long_run_without_blanks_is_counted() -> None:
    assert count_tokens("a" * 2_500_000) in range(312_500, 312_504)
