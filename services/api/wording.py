"""What the framework finds wrong with a value, without the words of the language it is made in."""

import re

RULES = (
    (r"(?:Value|Assertion) error, (.*)", r"\1"),  # what our own validators raise
    (r"Expected `int` <= (-?\d+)", r"must be at most \1"),
    (r"Expected `int` >= (-?\d+)", r"must be at least \1"),
    (r"Expected `int`, got .*", "must be a whole number"),
    (r"Expected `str` of length <= (\d+)", r"must have at most \1 characters"),
    (r"Expected `str` matching regex .*", "must be a name in lower case, such as parse"),
    (r"Invalid UUID", "must be a UUID"),
    (r"Invalid enum value ('.*')", r"must be one of the values that /docs lists, not \1"),
)


def in_words(message: str) -> str:
    """A message that no rule knows stays as it is."""
    for pattern, words in RULES:
        if match := re.fullmatch(pattern, message, re.DOTALL):
            return match.expand(words)
    return message
