"""What refusals of many servers mean for a job."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import openai
import pytest

from pipeline.embed.errors import (
    EmbedderError,
    EmbedderMisconfigured,
    EmbedderQuotaExhausted,
    EmbedderRateLimited,
    EmbedderUnavailable,
)
from pipeline.embed.refusals import (
    RETRY_AFTER_MAX,
    blames_base64,
    blames_input,
    embedder_error,
    retry_after_of,
)
from pipeline.errors import Dependency


def refusal(
    status: int, body: dict[str, object] | None = None, **headers: str
) -> openai.APIStatusError:
    response = httpx2.Response(
        status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        request=httpx2.Request("POST", "http://127.0.0.1/v1/embeddings"),
    )
    message = str((body or {}).get("message", ""))
    return openai.APIStatusError(message, response=response, body=body)


@pytest.mark.parametrize(
    ("error", "expected", "code"),
    [
        (refusal(429), EmbedderRateLimited, "embedder_rate_limited"),
        (
            refusal(429, {"code": "insufficient_quota"}),
            EmbedderQuotaExhausted,
            "embedder_quota_exhausted",
        ),
        (refusal(402), EmbedderQuotaExhausted, "embedder_quota_exhausted"),
        (refusal(500), EmbedderUnavailable, "embedder_unavailable"),
        (refusal(503), EmbedderUnavailable, "embedder_unavailable"),
        (refusal(408), EmbedderUnavailable, "embedder_unavailable"),
        (refusal(401), EmbedderMisconfigured, "embedder_misconfigured"),
        (refusal(403), EmbedderMisconfigured, "embedder_misconfigured"),
        (refusal(404), EmbedderMisconfigured, "embedder_misconfigured"),
        (refusal(400, {"param": "dimensions"}), EmbedderMisconfigured, "embedder_misconfigured"),
    ],
)
def test_each_status_has_its_error(
    error: openai.APIStatusError, expected: type[EmbedderError], code: str
) -> None:
    found = embedder_error(error)

    assert type(found) is expected
    assert found.code == code
    assert found.dependency is Dependency.EMBEDDER


def test_input_is_blamed_for_what_fewer_inputs_may_mend() -> None:
    assert blames_input(refusal(413))
    assert blames_input(refusal(400, {"code": "max_tokens_per_request"}))
    assert blames_input(refusal(500, {"message": "input is too large to process. increase"}))
    assert not blames_input(refusal(500, {"message": "out of memory"}))
    assert not blames_input(refusal(400, {"param": "dimensions"}))
    assert not blames_input(refusal(404, {"param": "model"}))


def test_base64_is_blamed_where_the_server_names_it() -> None:
    assert blames_base64(refusal(400, {"message": "base64 encoding is not currently supported"}))
    assert blames_base64(refusal(400, {"message": "", "param": "encoding_format"}))
    assert not blames_base64(refusal(400, {"message": "input too long"}))


def test_retry_after_is_read_as_seconds_milliseconds_or_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)

    dated = retry_after_of(refusal(429, retry_after=date))

    assert retry_after_of(refusal(429, retry_after="7")) == timedelta(seconds=7)
    assert retry_after_of(refusal(429, retry_after_ms="250")) == timedelta(milliseconds=250)
    assert dated is not None
    assert timedelta(seconds=80) < dated <= timedelta(seconds=90)


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf"])
def test_a_retry_after_that_says_nothing_is_none(value: str) -> None:
    assert retry_after_of(refusal(429, retry_after=value)) is None


def test_a_retry_after_is_never_negative_nor_longer_than_an_hour() -> None:
    assert retry_after_of(refusal(429, retry_after="-5")) == timedelta(0)
    assert retry_after_of(refusal(429, retry_after="999999999")) == RETRY_AFTER_MAX
