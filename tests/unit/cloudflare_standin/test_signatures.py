"""Our verifier against botocore's signers, an implementation of its own."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from pydantic import SecretStr

from cloudflare_standin.s3_errors import (
    AccessDenied,
    AuthorizationInvalid,
    ExpiredRequest,
    QueryParametersInvalid,
    RequestTimeTooSkewed,
    S3Error,
    SignatureDoesNotMatch,
    Unauthorized,
)
from cloudflare_standin.signatures import Credentials, sign, verify
from cloudflare_standin.target import WireRequest

KEY_ID = "AKIDEXAMPLE"
SECRET = "a-secret/with+signs"
CREDENTIALS = Credentials(KEY_ID, SecretStr(SECRET))
URL = "http://store.example:9000/bucket/"
KEY = "a folder/b+c%2F?é日 &=~.txt"


def now() -> datetime:
    return datetime.now(UTC)


def signed(
    method: str = "PUT",
    *,
    key: str = KEY,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    expires: int | None = None,
    secret: str = SECRET,
    region: str = "auto",
) -> WireRequest:
    """A request signed by botocore, presigned when `expires` is given."""
    url = URL + quote(key, safe="/~") + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=dict(headers or {}), data=b"")
    keys = BotocoreCredentials(KEY_ID, secret)
    signer: Any
    if expires is None:
        signer = S3SigV4Auth(keys, "s3", region)
    else:
        signer = S3SigV4QueryAuth(keys, "s3", region, expires=expires)
    signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    found = {name.lower(): _text(value) for name, value in prepared.headers.items()}
    found["host"] = parts.netloc
    return WireRequest(method, parts.path, parts.query, tuple(found.items()))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def with_header(request: WireRequest, name: str, value: str) -> WireRequest:
    kept = tuple(pair for pair in request.headers if pair[0] != name)
    return WireRequest(request.method, request.path, request.query, (*kept, (name, value)))


@pytest.mark.parametrize("expires", [None, 60])
@pytest.mark.parametrize("query", ["", "list-type=2&prefix=a%20b%2Fc&delimiter=%2F", "uploads="])
def test_a_signature_of_botocore_is_valid(expires: int | None, query: str) -> None:
    request = signed(query=query, expires=expires, headers={"Content-Type": "text/plain"})

    verify(request, CREDENTIALS, now())


@pytest.mark.parametrize("region", ["auto", "us-east-1"])
def test_the_region_may_have_any_of_r2s_names(region: str) -> None:
    verify(signed(region=region), CREDENTIALS, now())

    with pytest.raises(AuthorizationInvalid):
        verify(signed(region="eu-central-1"), CREDENTIALS, now())


@pytest.mark.parametrize("expires", [None, 60])
def test_no_part_of_a_signed_request_can_be_altered(expires: int | None) -> None:
    request = signed(
        headers={"Content-Type": "text/plain", "Content-Length": "3", "If-None-Match": "*"},
        expires=expires,
    )
    altered = [
        WireRequest("GET", request.path, request.query, request.headers),
        WireRequest(request.method, request.path + "x", request.query, request.headers),
        WireRequest(request.method, request.path, request.query + "&acl=", request.headers),
        with_header(request, "host", "other.example"),
        with_header(request, "content-type", "text/html"),
    ]
    if expires is not None:
        altered += [
            with_header(request, "content-length", "4"),
            with_header(request, "if-none-match", '"x"'),
            WireRequest(
                request.method,
                request.path,
                request.query.replace("Expires=60", "Expires=61"),
                request.headers,
            ),
        ]

    for each in altered:
        with pytest.raises(SignatureDoesNotMatch):
            verify(each, CREDENTIALS, now())


@pytest.mark.parametrize("expires", [None, 60])
def test_a_header_that_acts_on_objects_must_be_signed(expires: int | None) -> None:
    request = with_header(signed(expires=expires), "x-amz-copy-source", "bucket/secret.txt")

    with pytest.raises(AccessDenied):
        verify(request, CREDENTIALS, now())


@pytest.mark.parametrize("name", ["content-type", "if-none-match"])
def test_a_signed_header_must_not_be_left_out(name: str) -> None:
    request = signed(headers={"Content-Type": "text/plain", "If-None-Match": "*"}, expires=60)
    without = tuple(pair for pair in request.headers if pair[0] != name)

    with pytest.raises(SignatureDoesNotMatch):
        verify(
            WireRequest(request.method, request.path, request.query, without), CREDENTIALS, now()
        )


@pytest.mark.parametrize(
    ("seconds", "error"),
    [(59, None), (62, ExpiredRequest), (-1200, RequestTimeTooSkewed)],
)
def test_a_presigned_url_holds_from_now_until_its_expiry(
    seconds: int, error: type[S3Error] | None
) -> None:
    request = signed(expires=60)
    moment = now() + timedelta(seconds=seconds)

    if error is None:
        verify(request, CREDENTIALS, moment)
    else:
        with pytest.raises(error):
            verify(request, CREDENTIALS, moment)


@pytest.mark.parametrize("expires", [0, 604_801])
def test_a_presigned_url_lasts_between_a_second_and_a_week(expires: int) -> None:
    with pytest.raises(QueryParametersInvalid):
        verify(signed(expires=expires), CREDENTIALS, now())


def test_a_signed_request_is_void_after_a_quarter_of_an_hour() -> None:
    with pytest.raises(RequestTimeTooSkewed):
        verify(signed(), CREDENTIALS, now() + timedelta(minutes=16))


@pytest.mark.parametrize("expires", [None, 60])
def test_another_secret_and_another_key_are_refused(expires: int | None) -> None:
    with pytest.raises(SignatureDoesNotMatch):
        verify(signed(secret="guess", expires=expires), CREDENTIALS, now())
    with pytest.raises(Unauthorized):
        verify(signed(expires=expires), Credentials("OTHERKEY", SecretStr(SECRET)), now())


def test_an_unsigned_request_is_refused() -> None:
    with pytest.raises(AccessDenied):
        verify(WireRequest("GET", "/bucket/x", "", (("host", "h"),)), CREDENTIALS, now())


@pytest.mark.parametrize("text", ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=a"])
def test_a_malformed_authorization_is_a_client_error(text: str) -> None:
    request = WireRequest("GET", "/b/x", "", (("host", "h"), ("authorization", text)))

    with pytest.raises(AuthorizationInvalid):
        verify(request, CREDENTIALS, now())


def test_our_own_signature_is_valid() -> None:
    bare = WireRequest("GET", "/bucket/a%20b", "list-type=2", (("host", "h:1"),))

    added = sign(bare, CREDENTIALS, now())

    request = WireRequest(bare.method, bare.path, bare.query, (*bare.headers, *added.items()))
    assert verify(request, CREDENTIALS, now()) == "UNSIGNED-PAYLOAD"
