"""Cloudflare's own SDK drives the stand-in: what it understands, it has the right shape."""

import base64
import json
import time
from collections.abc import Callable
from uuid import uuid4

import cloudflare as sdk
import httpx
import pytest
from cloudflare import Cloudflare
from cloudflare.types.queues.message_pull_response import Message

from integration.cloudflare_standin.running import (
    ACCOUNT,
    QUEUE,
    TOKEN,
    Standin,
    queue_id_of,
)

WAIT_SECONDS = 10


def send(cloudflare: Cloudflare, queue_id: str, *bodies: object) -> None:
    messages = [{"body": body, "content_type": "json"} for body in bodies]
    cloudflare.queues.messages.bulk_push(queue_id, account_id=ACCOUNT, messages=messages)  # type: ignore[arg-type]  # a literal's type is lost in the comprehension


def pull(cloudflare: Cloudflare, queue_id: str, lease_ms: int = 30_000) -> list[Message]:
    answer = cloudflare.queues.messages.pull(
        queue_id, account_id=ACCOUNT, batch_size=100, visibility_timeout_ms=lease_ms
    )
    assert answer is not None
    return answer.messages or []


def body_of(message: Message) -> object:
    assert message.body is not None
    return json.loads(base64.b64decode(message.body, validate=True))


def until(pulled: Callable[[], list[Message]]) -> list[Message]:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if messages := pulled():
            return messages
        time.sleep(0.02)
    pytest.fail("nothing was delivered")


def lease_of(message: Message) -> str:
    assert message.lease_id is not None
    return message.lease_id


@pytest.fixture
def scratch(cloudflare: Cloudflare, standin: Standin) -> str:
    """A queue of the test's own: one retry, then its dead-letter queue."""
    name = f"scratch-{uuid4().hex[:8]}"
    queue = cloudflare.queues.create(account_id=ACCOUNT, queue_name=name)
    assert queue is not None
    assert queue.queue_id is not None
    cloudflare.queues.consumers.create(
        queue.queue_id,
        account_id=ACCOUNT,
        type="http_pull",
        dead_letter_queue=f"{name}-dlq",
        settings={"max_retries": 1, "batch_size": 2, "visibility_timeout_ms": 60_000},
    )
    dead = queue_id_of(cloudflare, f"{name}-dlq")
    cloudflare.queues.consumers.create(dead, account_id=ACCOUNT, type="http_pull")
    return queue.queue_id


def test_the_queue_and_its_dead_letter_queue_are_listed_with_their_wiring(
    cloudflare: Cloudflare, standin: Standin
) -> None:
    queues = {queue.queue_name: queue for queue in cloudflare.queues.list(account_id=ACCOUNT)}

    main = queues[QUEUE]
    assert main.consumers is not None
    assert main.consumers[0].type == "http_pull"
    assert main.consumers[0].dead_letter_queue == f"{QUEUE}-dlq"
    assert main.producers is not None
    assert main.producers[0].to_dict() == {"type": "r2_bucket", "bucket_name": "uploads"}
    dead = queues[f"{QUEUE}-dlq"]
    assert dead.consumers is not None
    assert dead.consumers[0].type == "http_pull"
    assert main.queue_id is not None
    one = cloudflare.queues.get(main.queue_id, account_id=ACCOUNT)
    assert one == main


def test_a_message_is_pulled_once_acknowledged_and_gone(
    cloudflare: Cloudflare, queue_id: str
) -> None:
    send(cloudflare, queue_id, {"n": 1}, {"n": 2})

    first = pull(cloudflare, queue_id)
    second = pull(cloudflare, queue_id)
    answer = cloudflare.queues.messages.ack(
        queue_id, account_id=ACCOUNT, acks=[{"lease_id": lease_of(m)} for m in first]
    )

    assert [body_of(message) for message in first] == [{"n": 1}, {"n": 2}]
    assert all(message.attempts == 1 for message in first)
    assert len({lease_of(message) for message in first}) == 2
    assert second == []
    assert answer is not None
    assert (answer.ack_count, answer.retry_count, answer.warnings) == (2, 0, {})
    metrics = cloudflare.queues.get_metrics(queue_id, account_id=ACCOUNT)
    assert metrics is not None
    assert metrics.backlog_count == 0


def test_metrics_count_what_is_not_acknowledged(cloudflare: Cloudflare, queue_id: str) -> None:
    before = time.time() * 1000 - 1000
    send(cloudflare, queue_id, {"n": 1}, {"n": 2})
    answer = cloudflare.queues.messages.pull(queue_id, account_id=ACCOUNT, batch_size=1)

    metrics = cloudflare.queues.get_metrics(queue_id, account_id=ACCOUNT)

    assert metrics is not None
    assert (metrics.backlog_count, metrics.backlog_bytes) == (2, 14)
    assert before <= metrics.oldest_message_timestamp_ms <= time.time() * 1000
    assert answer is not None
    assert answer.message_backlog_count == 2
    assert answer.metadata is not None
    assert answer.metadata.metrics is not None
    assert answer.metadata.metrics.to_dict() == metrics.to_dict()


def test_retries_raise_attempts_until_the_dead_letter_queue_has_the_message(
    cloudflare: Cloudflare, scratch: str
) -> None:
    send(cloudflare, scratch, {"n": 1})
    first = pull(cloudflare, scratch)[0]
    retries = [{"lease_id": lease_of(first), "delay_seconds": 1}]
    retried_at = time.monotonic()

    answer = cloudflare.queues.messages.ack(scratch, account_id=ACCOUNT, retries=retries)  # type: ignore[arg-type]  # a literal's type is lost in the variable
    at_once = pull(cloudflare, scratch)
    second = until(lambda: pull(cloudflare, scratch))[0]
    waited = time.monotonic() - retried_at
    cloudflare.queues.messages.ack(
        scratch, account_id=ACCOUNT, retries=[{"lease_id": lease_of(second)}]
    )

    assert answer is not None
    assert answer.retry_count == 1
    assert at_once == []
    assert waited >= 0.9
    assert second.attempts == 2
    assert pull(cloudflare, scratch) == []
    queue = cloudflare.queues.get(scratch, account_id=ACCOUNT)
    assert queue is not None
    dead = pull(cloudflare, queue_id_of(cloudflare, f"{queue.queue_name}-dlq"))
    assert [body_of(message) for message in dead] == [{"n": 1}]
    assert dead[0].attempts == 1


def test_a_lease_that_runs_out_counts_as_an_attempt(cloudflare: Cloudflare, scratch: str) -> None:
    send(cloudflare, scratch, {"n": 1})

    first = pull(cloudflare, scratch, lease_ms=50)[0]
    second = until(lambda: pull(cloudflare, scratch))[0]

    assert second.id == first.id
    assert second.attempts == 2
    assert second.lease_id != first.lease_id


def test_a_late_acknowledgement_is_taken_and_a_made_up_one_is_warned_about(
    cloudflare: Cloudflare, scratch: str
) -> None:
    send(cloudflare, scratch, {"n": 1})
    stale = lease_of(pull(cloudflare, scratch, lease_ms=50)[0])
    fresh = lease_of(until(lambda: pull(cloudflare, scratch))[0])

    answer = cloudflare.queues.messages.ack(
        scratch,
        account_id=ACCOUNT,
        acks=[{"lease_id": stale}, {"lease_id": "made-up"}],
        retries=[{"lease_id": fresh}],
    )
    again = cloudflare.queues.messages.ack(scratch, account_id=ACCOUNT, acks=[{"lease_id": fresh}])

    assert answer is not None
    assert (answer.ack_count, answer.retry_count) == (1, 0)
    assert answer.warnings is not None
    assert set(answer.warnings) == {"made-up", fresh}
    assert again is not None
    assert (again.ack_count, again.warnings) == (1, {})


def test_text_is_delivered_plain_and_a_delay_is_kept(cloudflare: Cloudflare, scratch: str) -> None:
    cloudflare.queues.messages.push(
        scratch, account_id=ACCOUNT, body="naïve", content_type="text", delay_seconds=1
    )

    early = pull(cloudflare, scratch)
    late = until(lambda: pull(cloudflare, scratch))[0]

    assert early == []
    assert late.body == "naïve"
    assert isinstance(late.metadata, dict)
    assert late.metadata["CF-Content-Type"] == "text"


def test_a_peeked_message_stays_and_can_be_purged(cloudflare: Cloudflare, scratch: str) -> None:
    send(cloudflare, scratch, {"n": 1}, {"n": 2})

    peeked = cloudflare.queues.messages.peek(scratch, account_id=ACCOUNT, batch_size=1)
    assert peeked is not None
    assert peeked.messages is not None
    reference = peeked.messages[0].ref
    assert reference is not None
    cloudflare.queues.messages.purge(scratch, account_id=ACCOUNT, refs=[{"ref": reference}])

    left = pull(cloudflare, scratch)
    assert [body_of(message) for message in left] == [{"n": 2}]
    assert left[0].attempts == 1


def test_a_paused_queue_answers_409_until_it_is_resumed(
    cloudflare: Cloudflare, scratch: str
) -> None:
    send(cloudflare, scratch, {"n": 1})
    cloudflare.queues.edit(scratch, account_id=ACCOUNT, settings={"delivery_paused": True})

    with pytest.raises(sdk.ConflictError, match="queue_delivery_paused"):
        pull(cloudflare, scratch)
    cloudflare.queues.edit(scratch, account_id=ACCOUNT, settings={"delivery_paused": False})

    assert len(pull(cloudflare, scratch)) == 1


def test_a_queue_without_a_pull_consumer_answers_405(cloudflare: Cloudflare, scratch: str) -> None:
    consumers = list(cloudflare.queues.consumers.list(scratch, account_id=ACCOUNT))
    consumer_id = consumers[0].consumer_id
    assert consumer_id is not None
    cloudflare.queues.consumers.delete(consumer_id, account_id=ACCOUNT, queue_id=scratch)

    with pytest.raises(sdk.APIStatusError) as caught:
        pull(cloudflare, scratch)

    assert caught.value.status_code == 405


def test_a_wrong_token_or_queue_gets_cloudflares_codes(
    cloudflare: Cloudflare, queue_id: str
) -> None:
    stranger = cloudflare.with_options(api_token="wrong")

    with pytest.raises(sdk.AuthenticationError) as refused:
        pull(stranger, queue_id)
    with pytest.raises(sdk.NotFoundError) as missing:
        pull(cloudflare, "f" * 32)

    assert [error.code for error in refused.value.errors] == [10000]
    assert [error.code for error in missing.value.errors] == [10104]


def test_the_consumers_defaults_hold_and_the_misspelled_timeout_is_ignored(
    cloudflare: Cloudflare, scratch: str, standin: Standin
) -> None:
    send(cloudflare, scratch, *({"n": n} for n in range(3)))
    url = f"{standin.api_url}/accounts/{ACCOUNT}/queues/{scratch}/messages/pull"
    headers = {"Authorization": f"Bearer {TOKEN}"}

    answer = httpx.post(url, json={"visibility_timeout": 1}, headers=headers).json()
    rest = pull(cloudflare, scratch)

    assert len(answer["result"]["messages"]) == 2  # the consumer's batch size
    assert len(rest) == 1  # the others are leased for the consumer's minute, not a millisecond


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("pull", {"batch_size": 101}, 10026),
        ("pull", {"visibility_timeout_ms": 12 * 3600 * 1000 + 1}, 10026),
        ("pull", [], 10026),
        ("ack", {"acks": ["a-bare-string"]}, 10026),
        ("batch", {"messages": []}, 10207),
        ("batch", {"messages": [{"body": "x" * 128_001}]}, 10207),
        ("batch", {"messages": [{"body": 1, "delay_seconds": 86_401}]}, 10202),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400(
    standin: Standin, queue_id: str, path: str, body: object, code: int
) -> None:
    url = f"{standin.api_url}/accounts/{ACCOUNT}/queues/{queue_id}/messages/{path}"

    answer = httpx.post(url, json=body, headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 400
    assert answer.json()["success"] is False
    assert answer.json()["errors"][0]["code"] == code
