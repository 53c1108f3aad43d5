"""What an answer says about the pace: OpenAI's headers, which others have taken over.

`x-ratelimit-limit-requests` and `-tokens` count a minute. Where they count a day they only allow
more than there is, and refusals tell the rest.
"""

import math
from collections.abc import Mapping

import openai

from pipeline.embed.pace.budget import Kind, Told
from pipeline.embed.refusals import retry_after_of

MINUTE = 60


def told_by_answer(headers: Mapping[str, str], *, tokens: int, expected: int) -> Told:
    return Told(Kind.ACCEPTED, tokens, expected, **_limits(headers))


def told_by_refusal(error: openai.APIStatusError, *, expected: int) -> Told:
    """Of a 429 that is about the pace."""
    headers = error.response.headers
    retry_after = retry_after_of(error)
    return Told(
        _kind(error, headers, expected),
        0,
        expected,
        retry_after=None if retry_after is None else retry_after.total_seconds(),
        **_limits(headers),
    )


def _kind(error: openai.APIStatusError, headers: Mapping[str, str], expected: int) -> Kind:
    requests = _number(headers, "x-ratelimit-remaining-requests")
    tokens = _number(headers, "x-ratelimit-remaining-tokens")
    if error.type == "tokens" or "tokens per min" in error.message.lower():
        return Kind.TOO_MANY_TOKENS
    if tokens is not None and tokens < expected:
        return Kind.TOO_MANY_TOKENS
    if requests is not None and requests >= 1:
        return Kind.BY_CHANCE
    return Kind.TOO_MANY_REQUESTS


def _limits(headers: Mapping[str, str]) -> dict[str, float | None]:
    return {
        f"{unit}_limit": _a_second(_number(headers, f"x-ratelimit-limit-{unit}"))
        for unit in ("requests", "tokens")
    }


def _a_second(a_minute: float | None) -> float | None:
    return a_minute / MINUTE if a_minute else None  # 0 is said by some who have no limit


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers.get(name) or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
