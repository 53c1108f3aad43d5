"""One request to the API and its answer: retries, keys that make a POST safe to repeat, problems.

Everything that talks to the API goes through `Api.call`; the bucket is another server, which never
sees the API's key.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from sluice.configuration import API_PATH, Configuration
from sluice.decoding import decode
from sluice.errors import SluiceError, UnexpectedAnswer, api_error
from sluice.models import Page
from sluice.retrying import WORTH_RETRYING, Retries, persist

T = TypeVar("T")

CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 60.0  # between two bytes, not for a whole body
PAGE_ITEMS = 200  # the most that the API gives at once
CONNECTIONS = 32
KEY_IN_USE = "idempotency_key_in_use"
# A proxy has no business between two programs of one machine.
PAST_PROXIES = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class Api:
    """`user_agent` tells the server's logs who called."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        retries: Retries,
        timeout_seconds: float = REQUEST_SECONDS,
        user_agent: str,
    ) -> None:
        self.configuration = configuration
        self.retries = retries
        self.headers = {
            "Authorization": f"Bearer {configuration.key}",
            "User-Agent": user_agent,
        }
        self._base = configuration.url + API_PATH
        timeout = httpx.Timeout(timeout_seconds, connect=min(CONNECT_SECONDS, timeout_seconds))
        self._http = _http(timeout)
        self.bucket = _http(timeout)

    async def aclose(self) -> None:
        await self._http.aclose()
        await self.bucket.aclose()

    async def call(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        once: bool = False,
    ) -> T:
        """
        `once`: the request makes something, so it carries an `Idempotency-Key`.

        Raises:
            ApiError: the API refused.
            Unreachable: no answer came.
            UnexpectedAnswer: what answered is not the API.
        """
        headers = dict(self.headers)
        if once:
            headers["Idempotency-Key"] = uuid4().hex  # the same one at every attempt

        async def send() -> httpx.Response:
            return await self._http.request(
                method,
                self._base + path,
                params=_given(params),
                json=body,
                headers=headers,
            )

        answer = await persist(send, self.retries, again=_worth_another_try)
        if not answer.is_success:
            raise api_error(answer.status_code, _problem(answer))
        return decode(kind, None if answer.status_code == 204 else _json(answer))

    async def all(
        self, path: str, kind: type[T], *, params: Mapping[str, Any] | None = None
    ) -> AsyncIterator[T]:
        """Every item of a list, page by page as they are wanted."""
        cursor: str | None = None
        while True:
            page = await self.call(
                "GET",
                path,
                Page,
                params={"limit": PAGE_ITEMS, **(params or {}), "cursor": cursor},
            )
            for item in page.items:
                yield decode(kind, item)
            cursor = page.next_cursor
            if cursor is None:
                return


def is_local(url: str) -> bool:
    return urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}


def _http(timeout: httpx.Timeout) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=timeout,
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        follow_redirects=False,
        mounts=dict.fromkeys(PAST_PROXIES),
    )


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _worth_another_try(answer: httpx.Response) -> bool:
    if answer.status_code in WORTH_RETRYING:
        return True
    return answer.status_code == 409 and _problem(answer).get("code") == KEY_IN_USE


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError as error:
        raise UnexpectedAnswer(
            f"{answer.url.scheme}://{answer.url.netloc.decode()} answers, but not as the API does; "
            "check the address"
        ) from error


def _problem(answer: httpx.Response) -> dict[str, Any]:
    """Of an answer that is not a success; from a proxy it may be anything."""
    try:
        found = _json(answer)
    except SluiceError:
        found = None
    return (
        found if isinstance(found, dict) else {"title": f"the server answered {answer.status_code}"}
    )
