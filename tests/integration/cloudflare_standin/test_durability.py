"""What the stand-in promised is there after a kill, and large bodies do not fill its memory."""

import asyncio
import base64
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from cloudflare import APIConnectionError, Cloudflare

from integration.cloudflare_standin.running import (
    ACCOUNT,
    BUCKET,
    QUEUE,
    START_SECONDS,
    TOKEN,
    Standin,
    queue_id_of,
    s3_client,
)

MIB = 1024 * 1024
LARGE_BYTES = 200 * MIB
GROWTH_BYTES_MAX = 32 * MIB


@pytest.fixture
def own_standin(s3_server: str, tmp_path: Path) -> Iterator[Standin]:
    """One that the test may kill."""
    standin = Standin(tmp_path, s3_server)
    standin.start()
    yield standin
    standin.kill()


def client_of(standin: Standin) -> Cloudflare:
    return Cloudflare(api_token=TOKEN, base_url=standin.api_url, max_retries=0)


def keys_pulled(standin: Standin) -> list[str]:
    client = client_of(standin)
    answer = client.queues.messages.pull(
        queue_id_of(client, QUEUE), account_id=ACCOUNT, batch_size=100
    )
    assert answer is not None
    bodies = [json.loads(base64.b64decode(m.body or "")) for m in answer.messages or []]
    return sorted(body["object"]["key"] for body in bodies)


async def test_every_answered_upload_has_its_event_after_kill_nine(own_standin: Standin) -> None:
    answered: list[str] = []

    async def upload(number: int) -> None:
        key = f"killed/{number:02}"
        await s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        answered.append(key)
        if len(answered) == 20:
            own_standin.kill()

    async with s3_client(own_standin.r2_url) as s3:
        await asyncio.gather(*(upload(number) for number in range(60)), return_exceptions=True)
    own_standin.start()
    found = keys_pulled(own_standin)

    assert len(answered) >= 20
    assert set(answered) <= set(found)
    assert len(found) == len(set(found))


def test_leases_attempts_and_pauses_survive_kill_nine(own_standin: Standin) -> None:
    client = client_of(own_standin)
    queue_id = queue_id_of(client, QUEUE)
    for number in (1, 2):
        client.queues.messages.push(queue_id, account_id=ACCOUNT, body=number, content_type="json")
    pulled = client.queues.messages.pull(queue_id, account_id=ACCOUNT, batch_size=1)
    assert pulled is not None
    assert pulled.messages is not None
    lease = pulled.messages[0].lease_id
    assert lease is not None

    own_standin.kill()
    own_standin.start()
    again = client.queues.messages.pull(queue_id, account_id=ACCOUNT, batch_size=100)
    retried = client.queues.messages.ack(
        queue_id, account_id=ACCOUNT, retries=[{"lease_id": lease}]
    )
    third = client.queues.messages.pull(queue_id, account_id=ACCOUNT, batch_size=100)

    assert again is not None
    assert [message.attempts for message in again.messages or []] == [1]  # only the other one
    assert retried is not None
    assert retried.retry_count == 1
    assert third is not None
    assert [m.attempts for m in third.messages or []] == [2]
    assert (third.messages or [])[0].id == pulled.messages[0].id


def test_sigterm_ends_it_cleanly(own_standin: Standin) -> None:
    assert own_standin.stop() == 0


def test_a_taken_port_and_a_missing_variable_are_one_clear_line(own_standin: Standin) -> None:
    command = [sys.executable, "-m", "cloudflare_standin"]
    environment = own_standin.environment()
    incomplete = {k: v for k, v in environment.items() if k != "CF_API_TOKEN"}

    taken = subprocess.run(
        command, env=environment, capture_output=True, timeout=START_SECONDS, check=False
    )
    missing = subprocess.run(
        command, env=incomplete, capture_output=True, timeout=START_SECONDS, check=False
    )

    assert taken.returncode == 1
    assert str(own_standin.queues_port) in taken.stderr.decode()
    assert missing.returncode == 2
    assert missing.stderr.decode().splitlines() == [
        "cloudflare_standin: CF_API_TOKEN: Field required"
    ]


async def test_a_large_upload_and_download_leave_memory_flat(own_standin: Standin) -> None:
    assert own_standin.process is not None
    process = psutil.Process(own_standin.process.pid)
    piece = bytes(range(256)) * 4096
    async with s3_client(own_standin.r2_url) as s3:
        await s3.put_object(Bucket=BUCKET, Key="warm-up.bin", Body=piece)
        put_url = await s3.generate_presigned_url(
            "put_object", Params={"Bucket": BUCKET, "Key": "large.bin"}, ExpiresIn=300
        )
        get_url = await s3.generate_presigned_url(
            "get_object", Params={"Bucket": BUCKET, "Key": "large.bin"}, ExpiresIn=300
        )
    before = peak = process.memory_info().rss

    async def body() -> AsyncIterator[bytes]:
        nonlocal peak
        for _ in range(LARGE_BYTES // len(piece)):
            yield piece
            peak = max(peak, process.memory_info().rss)

    received = 0
    async with httpx.AsyncClient(timeout=120) as http:
        put = await http.put(put_url, content=body(), headers={"content-length": str(LARGE_BYTES)})
        peak = max(peak, process.memory_info().rss)
        async with http.stream("GET", get_url) as response:
            async for chunk in response.aiter_bytes(MIB):
                received += len(chunk)
                peak = max(peak, process.memory_info().rss)

    assert put.status_code == 200
    assert received == LARGE_BYTES
    assert peak - before < GROWTH_BYTES_MAX


def test_what_was_answered_before_sigterm_is_there_after_a_restart(own_standin: Standin) -> None:
    assert own_standin.process is not None
    client = client_of(own_standin)
    queue_id = queue_id_of(client, QUEUE)
    answered = 0

    for number in range(200):
        if number == 100:
            own_standin.process.send_signal(signal.SIGTERM)
        try:
            client.queues.messages.push(
                queue_id, account_id=ACCOUNT, body=number, content_type="json"
            )
        except APIConnectionError:
            break
        answered += 1
    own_standin.process.wait(timeout=START_SECONDS)
    own_standin.start()

    metrics = client.queues.get_metrics(queue_id, account_id=ACCOUNT)
    assert metrics is not None
    assert metrics.backlog_count >= answered
