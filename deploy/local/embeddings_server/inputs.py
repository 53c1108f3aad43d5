"""One text as its model reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Input:
    """`tokens` counts all of the text, also what the model's window cuts."""

    tokens: int
    content: bytes | list[int]
