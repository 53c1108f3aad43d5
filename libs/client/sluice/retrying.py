"""When a request is sent again, and after how long."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from sluice.errors import Unreachable

WORTH_RETRYING = frozenset({429, 502, 503, 504})
NETWORK_ERRORS = (
    httpx.TimeoutException,
    httpx.NetworkError,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
)


@dataclass(frozen=True, slots=True)
class Retries:
    """Doubling waits with jitter. A `Retry-After` is obeyed, unless it is longer than anybody
    waits: then the answer is handed on. The defaults bridge some 15 s, a restart of the API."""

    attempts: int = 6
    first_seconds: float = 0.5
    longest_seconds: float = 20.0
    retry_after_max: float = 120.0

    def wait(self, failures: int, asked: float | None) -> float | None:
        """Seconds until the next attempt after so many failures; None to give up."""
        if failures >= self.attempts or (asked is not None and asked > self.retry_after_max):
            return None
        doubled = min(self.first_seconds * 2.0 ** (failures - 1), self.longest_seconds)
        jittered = doubled * random.uniform(0.75, 1.25)  # noqa: S311  # jitter, not a secret
        return max(jittered, asked or 0.0)


async def persist(
    send: Callable[[], Awaitable[httpx.Response]],
    retries: Retries,
    *,
    again: Callable[[httpx.Response], bool] = lambda answer: answer.status_code in WORTH_RETRYING,
) -> httpx.Response:
    """The first answer that is not worth another try, or the last one.

    `send` must be safe to repeat: it reads, sends the same state again, or carries a key.

    Raises:
        Unreachable: the last attempt got no answer.
    """
    failures = 0
    while True:
        problem: Exception | None = None
        answer: httpx.Response | None = None
        try:
            answer = await send()
        except NETWORK_ERRORS as error:
            problem = error
        if answer is not None and not again(answer):
            return answer
        failures += 1
        wait = retries.wait(failures, None if answer is None else retry_after(answer))
        if wait is None:
            if answer is not None:
                return answer
            raise Unreachable(_in_words(problem)) from problem
        await asyncio.sleep(wait)


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds that the answer asks to wait; None if it says nothing that makes sense."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _in_words(error: Exception | None) -> str:
    request = error.request if isinstance(error, httpx.RequestError) else None
    where = (
        "the server" if request is None else f"{request.url.scheme}://{request.url.netloc.decode()}"
    )
    return f"{where} does not answer: {error or type(error).__name__}"
