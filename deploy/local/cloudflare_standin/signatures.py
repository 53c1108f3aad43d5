"""AWS Signature Version 4: checking a client's and making our own.

The proxy ends the client's signature and signs anew towards the object store, because it folds
keys and may finish an upload after a presigned URL has run out. So it has to be as strict here as
R2 is: whatever a client may alter without breaking a signature would be open to anyone.

Source of the format: "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from pydantic import SecretStr

from cloudflare_standin.s3_errors import (
    AccessDenied,
    AuthorizationInvalid,
    ExpiredRequest,
    QueryParametersInvalid,
    RequestTimeTooSkewed,
    SignatureDoesNotMatch,
    Unauthorized,
)
from cloudflare_standin.target import WireRequest, decode

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
REGIONS = frozenset({"auto", "us-east-1", ""})  # R2 has one region, with these names
SKEW_MAX = timedelta(minutes=15)
EXPIRES_SECONDS_MAX = 604_800  # a week

_HEADER = re.compile(
    ALGORITHM + r"\s+Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<signed>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Credentials:
    access_key_id: str
    secret_access_key: SecretStr


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says of its own signature."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: str
    payload_hash: str


def verify(request: WireRequest, credentials: Credentials, now: datetime) -> str:
    """Raise an S3Error unless the holder of the secret signed this request, for now.

    The answer is the payload's declared SHA-256 in hex, or a word such as UNSIGNED-PAYLOAD; the
    body still has to be checked against it.
    """
    parameters = dict(request.query_pairs())
    authorization = request.header("authorization")
    if authorization is not None:
        claim = _header_claim(request, authorization)
        if abs(now - _time(claim.signed_at)) > SKEW_MAX:
            raise RequestTimeTooSkewed("The difference between the request time and ours is large")
    elif "X-Amz-Signature" in parameters:
        claim = _query_claim(request, parameters)
        _check_expiry(parameters, _time(claim.signed_at), now)
    else:
        raise AccessDenied("The request is not signed")

    region = _check_scope(claim, credentials)
    _check_signed_headers(request, claim)
    canonical = _canonical_request(request, claim.signed_headers, claim.payload_hash)
    expected = _signature(credentials, region, claim.signed_at, canonical)
    if not hmac.compare_digest(expected, claim.signature):
        raise SignatureDoesNotMatch(
            "The request signature we calculated does not match the signature you provided."
        )
    return claim.payload_hash


def sign(request: WireRequest, credentials: Credentials, now: datetime) -> dict[str, str]:
    """The headers to add to a request whose `host` header is set and whose body is not signed."""
    signed_at = now.strftime(_TIME_FORMAT)
    added = {"x-amz-date": signed_at, "x-amz-content-sha256": UNSIGNED_PAYLOAD}
    complete = WireRequest(
        request.method, request.path, request.query, (*request.headers, *added.items())
    )
    names = tuple(
        sorted({name for name, _ in complete.headers if name == "host" or name[:6] == "x-amz-"})
    )
    canonical = _canonical_request(complete, names, UNSIGNED_PAYLOAD)
    signature = _signature(credentials, "auto", signed_at, canonical)
    scope = f"{signed_at[:8]}/auto/s3/aws4_request"
    added["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return added


def encode_path(path: str) -> str:
    return quote(path, safe="/-_.~")


def encode_query(pairs: list[tuple[str, str]]) -> str:
    """Sorted by encoded name and value, as signatures want them."""
    encoded = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _header_claim(request: WireRequest, authorization: str) -> _Claim:
    match = _HEADER.fullmatch(authorization.strip())
    if match is None:
        raise AuthorizationInvalid("The authorization header is malformed")
    payload_hash = request.header("x-amz-content-sha256")
    if payload_hash is None:
        raise AuthorizationInvalid("Missing required header x-amz-content-sha256")
    return _Claim(
        credential=match["credential"],
        signed_headers=tuple(match["signed"].split(";")),
        signature=match["signature"],
        signed_at=request.header("x-amz-date") or "",
        payload_hash=payload_hash,
    )


def _query_claim(request: WireRequest, parameters: dict[str, str]) -> _Claim:
    if parameters.get("X-Amz-Algorithm") != ALGORITHM:
        raise QueryParametersInvalid(f"X-Amz-Algorithm only supports {ALGORITHM}")
    try:
        return _Claim(
            credential=parameters["X-Amz-Credential"],
            signed_headers=tuple(parameters["X-Amz-SignedHeaders"].split(";")),
            signature=parameters["X-Amz-Signature"],
            signed_at=parameters["X-Amz-Date"],
            payload_hash=request.header("x-amz-content-sha256") or UNSIGNED_PAYLOAD,
        )
    except KeyError as exc:
        raise QueryParametersInvalid(f"Missing query parameter {exc.args[0]}") from exc


def _check_expiry(parameters: dict[str, str], signed_at: datetime, now: datetime) -> None:
    text = parameters.get("X-Amz-Expires", "")
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= EXPIRES_SECONDS_MAX:
        raise QueryParametersInvalid("X-Amz-Expires must be between 1 and 604800 seconds")
    if signed_at - now > SKEW_MAX:
        raise RequestTimeTooSkewed("The request is signed for the future")
    if now > signed_at + timedelta(seconds=int(text)):
        raise ExpiredRequest("Request has expired")


def _check_scope(claim: _Claim, credentials: Credentials) -> str:
    """The region that the signature names."""
    parts = claim.credential.rsplit("/", 4)
    if len(parts) != 5 or parts[3:] != ["s3", "aws4_request"]:
        raise AuthorizationInvalid("The credential's scope is malformed")
    access_key_id, date, region = parts[:3]
    if not hmac.compare_digest(access_key_id.encode(), credentials.access_key_id.encode()):
        raise Unauthorized("The access key is not known")
    if date != claim.signed_at[:8]:
        raise AuthorizationInvalid("The credential's date differs from the request's")
    if region not in REGIONS:
        raise AuthorizationInvalid(f"The region must be one of {sorted(REGIONS)}")
    return region


def _check_signed_headers(request: WireRequest, claim: _Claim) -> None:
    """Every x-amz- header acts on the request, so it must be signed, as must the host.

    Otherwise the holder of an upload URL could add `x-amz-copy-source` and read other objects.
    """
    present = {name for name, _ in request.headers}
    must = {name for name in present if name.startswith("x-amz-")} | {"host"}
    # Browser builds of the JavaScript SDK add this one unsigned; it does nothing.
    must.discard("x-amz-user-agent")
    unsigned = must - set(claim.signed_headers)
    if unsigned:
        raise AccessDenied(f"Headers present in the request were not signed: {sorted(unsigned)}")
    missing = set(claim.signed_headers) - present
    if missing:
        raise SignatureDoesNotMatch(f"Signed headers are missing: {sorted(missing)}")


def _canonical_request(
    request: WireRequest, signed_headers: tuple[str, ...], payload_hash: str
) -> str:
    pairs = [(name, value) for name, value in request.query_pairs() if name != "X-Amz-Signature"]
    headers = "".join(
        f"{name}:{','.join(' '.join(v.split()) for n, v in request.headers if n == name)}\n"
        for name in signed_headers
    )
    return "\n".join(
        [
            request.method,
            encode_path(decode(request.path)) or "/",
            encode_query(pairs),
            headers,
            ";".join(signed_headers),
            payload_hash,
        ]
    )


def _signature(credentials: Credentials, region: str, signed_at: str, canonical: str) -> str:
    scope = f"{signed_at[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + credentials.secret_access_key.get_secret_value().encode()
    for part in (signed_at[:8], region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return _hmac(key, f"{ALGORITHM}\n{signed_at}\n{scope}\n{digest}").hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _time(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError as exc:
        raise AuthorizationInvalid("X-Amz-Date must look like 20260101T000000Z") from exc
