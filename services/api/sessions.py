"""Logins of browsers: the cookie, the proof that a request is the page's own, the limit of guesses.

A page cannot keep an API key out of reach of a script that was smuggled into it; a cookie it cannot
read. Browsers send cookies with requests that others have caused, so one that changes something
carries a second token, which only the page knows. It is made of the first: nothing more is kept.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from db.repositories.browser_sessions import LASTS_AT_MOST, OpenSession

COOKIE = "sluice_session"
CSRF_HEADER = "X-CSRF-Token"
TOKEN_BYTES = 32
TOKEN_CHARS_MAX = 64  # it has 43; more is not even hashed
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Keys cannot be guessed; this keeps guessers, and scripts with an old key, from costing lookups.
FAILURES_MAX = 10
FAILURES_WITHIN = timedelta(minutes=5)
ADDRESSES_MAX = 10_000
IPV6_PREFIX = 64  # one household; it may take any address in it


@dataclass(frozen=True, slots=True)
class Login:
    """What a request with a cookie has behind it."""

    session: OpenSession
    csrf_token: str


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def csrf_token_of(token: str) -> str:
    digest = hmac.digest(token.encode(), b"sluice csrf", hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")


def is_csrf_token(given: str | None, token: str) -> bool:
    return given is not None and hmac.compare_digest(given.encode(), csrf_token_of(token).encode())


def token_in(connection: ASGIConnection[Any, Any, Any, Any]) -> str | None:
    token = connection.cookies.get(COOKIE)
    return token if token and len(token) <= TOKEN_CHARS_MAX else None


def cookie(token: str | None, connection: ASGIConnection[Any, Any, Any, Any]) -> Cookie:
    """The cookie that keeps a token, or that removes it."""
    url = connection.url
    on_loopback = url.scheme == "http" and _is_loopback(url.hostname or "")
    return Cookie(
        key=COOKIE,
        value=token or "",
        path="/",
        httponly=True,
        samesite="strict",
        # Browsers take no secure cookie over plain http, except some of them from this machine.
        secure=not on_loopback,
        max_age=0 if token is None else int(LASTS_AT_MOST.total_seconds()),
    )


@dataclass(slots=True)
class FailedLogins:
    """How often each address has failed lately, in this process."""

    clock: Callable[[], float] = monotonic
    _failures: dict[str, tuple[float, int]] = field(default_factory=dict)

    def wait(self, address: str) -> timedelta | None:
        """How long it may not try again; None if it may."""
        began, failures = self._failures.get(_group(address), (0.0, 0))
        left = began + FAILURES_WITHIN.total_seconds() - self.clock()
        return timedelta(seconds=left) if failures >= FAILURES_MAX and left > 0 else None

    def failed(self, address: str) -> None:
        now, group = self.clock(), _group(address)
        began, failures = self._failures.get(group, (now, 0))
        if now - began >= FAILURES_WITHIN.total_seconds():
            began, failures = now, 0
        if group not in self._failures and len(self._failures) >= ADDRESSES_MAX:
            del self._failures[next(iter(self._failures))]  # the one that came first
        self._failures[group] = (began, failures + 1)


def _group(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed, IPV6_PREFIX), strict=False))
    return address


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
