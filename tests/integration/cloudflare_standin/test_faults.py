"""The declared test switches do what they say, once for each time they were asked for."""

from typing import Any

import cloudflare as sdk
import httpx
import pytest
from aiohttp import ClientPayloadError
from botocore.exceptions import ClientError, ResponseStreamingError
from cloudflare import Cloudflare
from cloudflare.types.queues.message_pull_response import Message

from integration.cloudflare_standin.running import ACCOUNT, BUCKET, TOKEN, Standin

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def set_faults(standin: Standin, **faults: object) -> None:
    url = f"http://127.0.0.1:{standin.queues_port}/_standin/faults"
    httpx.put(url, json=faults, headers=HEADERS).raise_for_status()


def pull(cloudflare: Cloudflare, queue_id: str) -> list[Message]:
    answer = cloudflare.queues.messages.pull(queue_id, account_id=ACCOUNT, batch_size=100)
    assert answer is not None
    return answer.messages or []


def send(cloudflare: Cloudflare, queue_id: str, count: int = 1) -> None:
    for number in range(count):
        cloudflare.queues.messages.push(
            queue_id, account_id=ACCOUNT, body=number, content_type="json"
        )


@pytest.mark.parametrize("status", [429, 500, 503])
def test_pulls_fail_as_often_as_asked(
    cloudflare: Cloudflare, queue_id: str, standin: Standin, status: int
) -> None:
    set_faults(standin, pulls_to_fail=2, fail_status=status, retry_after_seconds=7)

    caught = []
    for _ in range(2):
        with pytest.raises(sdk.APIStatusError) as error:
            pull(cloudflare, queue_id)
        caught.append(error.value)

    assert [error.status_code for error in caught] == [status] * 2
    assert caught[0].response.headers.get("retry-after") == (None if status == 500 else "7")
    assert pull(cloudflare, queue_id) == []


def test_a_lost_answer_leaves_its_messages_leased(
    cloudflare: Cloudflare, queue_id: str, standin: Standin
) -> None:
    send(cloudflare, queue_id)
    set_faults(standin, pulls_to_lose=1)

    with pytest.raises(sdk.InternalServerError):
        pull(cloudflare, queue_id)

    assert pull(cloudflare, queue_id) == []
    metrics = cloudflare.queues.get_metrics(queue_id, account_id=ACCOUNT)
    assert metrics is not None
    assert metrics.backlog_count == 1


def test_deliveries_repeat_and_sends_are_doubled(
    cloudflare: Cloudflare, queue_id: str, standin: Standin
) -> None:
    set_faults(standin, sends_to_duplicate=1, deliveries_to_repeat=1)
    send(cloudflare, queue_id, 2)

    first = pull(cloudflare, queue_id)
    second = pull(cloudflare, queue_id)
    third = pull(cloudflare, queue_id)

    assert [message.body for message in first] == ["MA==", "MA==", "MQ=="]
    assert len({message.id for message in first}) == 3
    assert [(message.id, message.attempts) for message in second] == [(first[0].id, 2)]
    assert third == []


def test_a_raw_message_is_delivered_letter_for_letter(
    cloudflare: Cloudflare, queue_id: str, standin: Standin
) -> None:
    url = f"http://127.0.0.1:{standin.queues_port}/_standin/queues/{queue_id}/raw"
    httpx.post(url, json={"body": "!! no base64 {", "content_type": "v8"}, headers=HEADERS)

    message = pull(cloudflare, queue_id)[0]

    assert message.body == "!! no base64 {"
    assert isinstance(message.metadata, dict)
    assert message.metadata["CF-Content-Type"] == "v8"


async def test_events_are_lost_and_objects_refused_on_demand(
    s3: Any, cloudflare: Cloudflare, queue_id: str, standin: Standin
) -> None:
    set_faults(standin, events_to_drop=1, objects_to_fail=1)

    with pytest.raises(ClientError, match="SlowDown"):
        await s3.put_object(Bucket=BUCKET, Key="faulty.txt", Body=b"1")
    await s3.put_object(Bucket=BUCKET, Key="faulty.txt", Body=b"2")
    after_lost_event = pull(cloudflare, queue_id)
    await s3.put_object(Bucket=BUCKET, Key="faulty.txt", Body=b"3")

    assert after_lost_event == []
    assert len(pull(cloudflare, queue_id)) == 1


def test_the_switches_need_the_token_and_know_their_names(standin: Standin) -> None:
    url = f"http://127.0.0.1:{standin.queues_port}/_standin/faults"

    stranger = httpx.put(url, json={})
    misspelled = httpx.put(url, json={"pull_to_fail": 1}, headers=HEADERS)

    assert stranger.status_code == 401
    assert misspelled.status_code == 400


async def test_downloads_break_off_or_pause_on_demand(s3: Any, standin: Standin) -> None:
    body = b"x" * 1000
    await s3.put_object(Bucket=BUCKET, Key="download.txt", Body=body)
    set_faults(standin, downloads_to_cut=1, downloads_to_slow=1, download_pause_seconds=0)

    async def download() -> bytes:
        answer = await s3.get_object(Bucket=BUCKET, Key="download.txt")
        content: bytes = await answer["Body"].read()
        return content

    with pytest.raises((ClientPayloadError, ResponseStreamingError)):
        await download()

    assert await download() == body
    url = f"http://127.0.0.1:{standin.queues_port}/_standin/faults"
    async with httpx.AsyncClient(headers=HEADERS) as client:
        left = (await client.get(url)).json()
    assert (left["downloads_to_cut"], left["downloads_to_slow"]) == (0, 0)
