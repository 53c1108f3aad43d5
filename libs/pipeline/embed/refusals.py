"""What an endpoint's refusal means, for OpenAI and for the servers that imitate it.

Quirks met in the field: llama.cpp answers 500 to an input above its physical batch, vLLM's error
is a flat object, TEI says 413, OpenAI uses 429 both for pace and for an unpaid bill.
"""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import openai

from pipeline.embed.errors import (
    EmbedderAnswerInvalid,
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderQuotaExhausted,
    EmbedderRateLimited,
    EmbedderUnavailable,
)

# A server that asks for more is asked again after an hour: a wrong date must not park jobs forever.
RETRY_AFTER_MAX = timedelta(hours=1)

TOO_LARGE = "input is too large to process"
SETTING_PARAMETERS = frozenset({"model", "dimensions"})
INPUT_STATUSES = frozenset({400, 413, 422})
QUOTA_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def blames_input(error: openai.APIStatusError) -> bool:
    """Whether fewer or other inputs may be accepted."""
    if error.status_code >= 500:
        return TOO_LARGE in error.message
    return error.status_code in INPUT_STATUSES and error.param not in SETTING_PARAMETERS


def blames_base64(error: openai.APIStatusError) -> bool:
    """Whether the server refused the encoding (old versions of vLLM know floats only)."""
    said = error.message.lower()
    return error.status_code in INPUT_STATUSES and (
        error.param == "encoding_format" or "base64" in said or "encoding_format" in said
    )


def embedder_error(error: openai.APIError) -> EmbedderError:
    """Our error for the SDK's. The server's own words stay out: they may quote the input."""
    match error:
        case openai.APITimeoutError():
            return EmbedderUnavailable("The embedding endpoint did not answer in time.")
        case openai.APIConnectionError():
            return EmbedderUnavailable("The embedding endpoint could not be reached.")
        case openai.APIStatusError():
            return _for_status(error)
        case _:
            return EmbedderAnswerInvalid("The embedding endpoint's answer could not be read.")


def _for_status(error: openai.APIStatusError) -> EmbedderError:
    status = error.status_code
    if status == 402 or error.code in QUOTA_CODES or error.type in QUOTA_CODES:
        return EmbedderQuotaExhausted("The embedding endpoint says that the quota is used up.")
    if status == 429:
        return EmbedderRateLimited(
            "The embedding endpoint asks to slow down.", retry_after=retry_after_of(error)
        )
    if status >= 500 or status in {408, 409}:
        return EmbedderUnavailable(
            f"The embedding endpoint answered {status}.",
            retry_after=retry_after_of(error),
            status=status,
        )
    return EmbedderMisconfigured(
        f"The embedding endpoint refuses the request ({status}): check its URL, key and model."
    )


def retry_after_of(error: openai.APIStatusError) -> timedelta | None:
    """What the server asks for, between nothing and an hour."""
    headers = error.response.headers
    seconds = _seconds(headers.get("retry-after-ms"), per_second=1000)
    if seconds is None:
        seconds = _seconds(headers.get("retry-after"), per_second=1)
    if seconds is None:
        seconds = _seconds_until(headers.get("retry-after"))
    if seconds is None:
        return None
    return timedelta(seconds=min(max(seconds, 0.0), RETRY_AFTER_MAX.total_seconds()))


def _seconds(value: str | None, *, per_second: int) -> float | None:
    try:
        seconds = float(value or "") / per_second
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _seconds_until(date: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
