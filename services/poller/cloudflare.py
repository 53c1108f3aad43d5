"""The wire format of Cloudflare Queues' HTTP pull: requests, answers, what an error means.

No rules of ours live here. Source of the format: Cloudflare's documentation of pull consumers and
the request and answer types of its official Python client.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx

PULL_MAX = 100
ACK_MAX = 100
# Longer than the server takes, shorter than the visibility timeout: a lost answer strands leases.
TIMEOUT = httpx.Timeout(20.0, connect=5.0)


class QueueError(Exception):
    """A call that did not work out; `retry_after` is what the server asked for."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueuePaused(QueueError):
    """Delivery is paused on the queue, on purpose."""


class QueueMisconfigured(QueueError):
    """The token, the account, the queue's name or its consumer is not right; people must act."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery. `body` is as it came; `attempts` counts deliveries from 1."""

    id: str
    lease_id: str
    attempts: int
    sent_at: datetime
    metadata: dict[str, Any]
    body: str


@dataclass(frozen=True, slots=True)
class Pulled:
    messages: list[Message]
    backlog: int | None  # approximate; None if the server did not say


class CloudflareQueue:
    """One queue. Retries nothing by itself: a repeated pull would strand leases."""

    def __init__(self, client: httpx.AsyncClient, *, account_id: str, queue_id: str) -> None:
        self._client = client
        self._path = f"/accounts/{account_id}/queues/{queue_id}"

    async def pull(self, *, visibility: timedelta) -> Pulled:
        """Lease up to 100 messages for `visibility`."""
        result = await _call(
            self._client,
            "POST",
            f"{self._path}/messages/pull",
            {
                "batch_size": PULL_MAX,
                "visibility_timeout_ms": int(visibility.total_seconds() * 1000),
            },
        )
        try:
            messages = [_message(item) for item in result.get("messages") or []]
            backlog = result.get("message_backlog_count")
            return Pulled(messages, None if backlog is None else int(backlog))
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            # What was leased comes again when its visibility ends.
            raise QueueError("the queue's API gave an answer of an unknown form") from error

    async def settle(
        self, *, acks: list[str], retries: list[str], delay: timedelta = timedelta(0)
    ) -> dict[str, str]:
        """Acknowledge some leases and give others back, due after `delay`; returns the warnings.

        An acknowledgment that comes late proves nothing and harms nothing.
        """
        warnings: dict[str, str] = {}
        entries: list[tuple[str, dict[str, Any]]] = [
            ("acks", {"lease_id": lease}) for lease in acks
        ]
        entries += [
            ("retries", {"lease_id": lease, "delay_seconds": int(delay.total_seconds())})
            for lease in retries
        ]
        for start in range(0, len(entries), ACK_MAX):
            body: dict[str, list[Any]] = {"acks": [], "retries": []}
            for kind, entry in entries[start : start + ACK_MAX]:
                body[kind].append(entry)
            result = await _call(self._client, "POST", f"{self._path}/messages/ack", body)
            found = result.get("warnings")
            warnings.update(found if isinstance(found, dict) else {})
        return warnings


def _message(item: dict[str, Any]) -> Message:
    return Message(
        id=str(item.get("id", "")),
        lease_id=str(item["lease_id"]),
        attempts=int(item.get("attempts") or 1),
        sent_at=datetime.fromtimestamp((item.get("timestamp_ms") or 0) / 1000, UTC),
        metadata=dict(item.get("metadata") or {}),
        body=str(item.get("body", "")),
    )


async def find_queue(client: httpx.AsyncClient, *, account_id: str, name: str) -> str | None:
    """The id of a queue by its name; None if the account has no such queue."""
    page = 1
    while True:
        answer = await _answer(
            client, "GET", f"/accounts/{account_id}/queues?page={page}&per_page=100", None
        )
        listed = answer.get("result")
        found = [queue for queue in listed if isinstance(queue, dict)] if listed else []
        for queue in found:
            if queue.get("queue_name") == name and "queue_id" in queue:
                return str(queue["queue_id"])
        pages = (answer.get("result_info") or {}).get("total_pages") or 1
        if page >= pages or not found:
            return None
        page += 1


def create_client(*, api_url: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=api_url.rstrip("/"),
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT,
        limits=httpx.Limits(max_connections=8),
        follow_redirects=False,
    )


async def _call(client: httpx.AsyncClient, method: str, path: str, body: Any) -> dict[str, Any]:
    answer = await _answer(client, method, path, body)
    result = answer.get("result")
    return result if isinstance(result, dict) else {}


async def _answer(client: httpx.AsyncClient, method: str, path: str, body: Any) -> dict[str, Any]:
    try:
        response = await client.request(method, path, json=body)
    except httpx.HTTPError as error:
        raise QueueError(f"the queue's API did not answer ({type(error).__name__})") from error
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.is_success and isinstance(answer, dict) and answer.get("success") is True:
        return answer
    raise _error(response, answer if isinstance(answer, dict) else {})


def _error(response: httpx.Response, answer: dict[str, Any]) -> QueueError:
    codes = ", ".join(str(item.get("code")) for item in answer.get("errors") or [] if item)
    status = response.status_code
    said = f"HTTP {status}" + (f", code {codes}" if codes else "")
    match status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return QueueMisconfigured(
                f"the API token was refused ({said}): it needs the right Account > Queues > Edit"
            )
        case HTTPStatus.NOT_FOUND:
            return QueueMisconfigured(f"there is no such account or queue ({said})")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return QueueMisconfigured(
                f"the queue has no HTTP pull consumer, or it is still being set up ({said}): "
                "npx wrangler queues consumer http add QUEUE"
            )
        case HTTPStatus.CONFLICT:
            return QueuePaused(f"delivery is paused ({said})")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return QueueError(f"too many requests ({said})", retry_after=_retry_after(response))
        case _:
            return QueueError(f"the queue's API failed ({said})")


def _retry_after(response: httpx.Response) -> timedelta | None:
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return timedelta(seconds=int(value))
    try:
        return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta(0))
    except (TypeError, ValueError):
        return None
