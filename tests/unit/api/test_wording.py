"""Messages of the framework become sentences for people."""

import pytest

from api.wording import in_words


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Value error, must not be blank", "must not be blank"),
        ("Expected `int` <= 200", "must be at most 200"),
        ("Expected `int` >= 1", "must be at least 1"),
        ("Expected `int`, got `str`", "must be a whole number"),
        ("Expected `str` of length <= 64", "must have at most 64 characters"),
        ("Invalid UUID", "must be a UUID"),
        ("Input should be 'hybrid' or 'dense'", "Input should be 'hybrid' or 'dense'"),
    ],
)
def test_a_message_is_said_in_words(message: str, words: str) -> None:
    assert in_words(message) == words
