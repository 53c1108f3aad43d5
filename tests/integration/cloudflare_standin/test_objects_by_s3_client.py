"""aiobotocore and httpx use the bucket through the proxy; each change makes one right event."""

import asyncio
import base64
import hashlib
import json
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cloudflare import Cloudflare

from integration.cloudflare_standin.running import (
    ACCOUNT,
    BUCKET,
    KEY_ID,
    ORIGIN,
    SECRET,
    SILENT_BUCKET,
    Standin,
    stock_s3_client,
)

NFD_KEY = unicodedata.normalize("NFD", "données/café.txt")
NFC_KEY = unicodedata.normalize("NFC", NFD_KEY)
AWKWARD_KEYS = [
    "a+b.pdf",
    "a%2Fb c?d#e.txt",
    "日本/🎉.txt",
    "&<>'\".txt",
    "line\nbreak",
    NFD_KEY,
]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324 - an ETag, not a secret


def status_of(error: "pytest.ExceptionInfo[ClientError]") -> int:
    return int(error.value.response["ResponseMetadata"]["HTTPStatusCode"])


class Events:
    def __init__(self, cloudflare: Cloudflare, queue_id: str) -> None:
        self._cloudflare = cloudflare
        self._queue_id = queue_id

    def take(self) -> list[dict[str, Any]]:
        """All events in the queue, which is empty afterwards; times checked and removed."""
        messages = self._cloudflare.queues.messages
        answer = messages.pull(self._queue_id, account_id=ACCOUNT, batch_size=100)
        assert answer is not None
        events = []
        leases = []
        for message in answer.messages or []:
            assert message.body is not None
            assert message.lease_id is not None
            event = json.loads(base64.b64decode(message.body, validate=True))
            assert datetime.fromisoformat(event.pop("eventTime")).tzinfo is not None
            events.append(event)
            leases.append(message.lease_id)
        messages.ack(self._queue_id, account_id=ACCOUNT, acks=[{"lease_id": i} for i in leases])
        return events


@pytest.fixture
def events(cloudflare: Cloudflare, queue_id: str) -> Events:
    return Events(cloudflare, queue_id)


def event(action: str, key: str, **more: Any) -> dict[str, Any]:
    return {
        "account": ACCOUNT,
        "action": action,
        "bucket": BUCKET,
        "object": {"key": key, **more},
    }


@pytest.mark.parametrize("key", AWKWARD_KEYS)
async def test_an_object_is_put_read_and_deleted_under_any_key(
    s3: Any, events: Events, key: str
) -> None:
    data = f"content of {key}".encode()

    put = await s3.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType="text/plain")
    head = await s3.head_object(Bucket=BUCKET, Key=key)
    got = await s3.get_object(Bucket=BUCKET, Key=key)
    part = await s3.get_object(Bucket=BUCKET, Key=key, Range="bytes=3-6")
    after_put = events.take()
    await s3.delete_object(Bucket=BUCKET, Key=key)

    assert put["ETag"] == head["ETag"] == got["ETag"] == f'"{md5(data)}"'
    assert head["ContentLength"] == len(data)
    assert await got["Body"].read() == data
    assert await part["Body"].read() == data[3:7]
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert after_put == [event("PutObject", key, size=len(data), eTag=md5(data))]
    assert events.take() == [event("DeleteObject", key)]
    with pytest.raises(ClientError) as missing:
        await s3.head_object(Bucket=BUCKET, Key=key)
    assert status_of(missing) == 404


async def test_two_spellings_of_a_key_are_one_object(s3: Any, events: Events) -> None:
    assert NFC_KEY != NFD_KEY
    await s3.put_object(Bucket=BUCKET, Key=NFD_KEY, Body=b"old")
    await s3.put_object(Bucket=BUCKET, Key=NFC_KEY, Body=b"new")

    got = await s3.get_object(Bucket=BUCKET, Key=NFD_KEY)
    listed = await s3.list_objects_v2(Bucket=BUCKET, Prefix=NFD_KEY[:6])
    await s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": NFD_KEY}, {"Key": NFC_KEY}]})

    assert await got["Body"].read() == b"new"
    assert [item["Key"] for item in listed["Contents"]] == [NFC_KEY]
    assert listed["Contents"][0]["ETag"] == f'"{md5(b"new")}"'
    assert [e["action"] for e in events.take()] == ["PutObject", "PutObject", "DeleteObject"]


async def test_a_presigned_put_uploads_what_was_signed_and_nothing_else(
    s3: Any, events: Events
) -> None:
    url = await s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": BUCKET,
            "Key": NFD_KEY,
            "ContentType": "text/plain",
            "ContentLength": 3,
            "IfNoneMatch": "*",
        },
        ExpiresIn=60,
    )
    headers = {"content-type": "text/plain", "if-none-match": "*"}

    async with httpx.AsyncClient() as http:
        refused = [
            await http.put(url, content=b"four", headers=headers),
            await http.put(url, content=b"abc", headers={**headers, "content-type": "a/b"}),
            await http.put(url, content=b"abc", headers={"content-type": "text/plain"}),
            await http.put(url, content=b"abc", headers={**headers, "host": "elsewhere:1"}),
            await http.put(
                url, content=b"abc", headers={**headers, "x-amz-copy-source": f"{BUCKET}/x"}
            ),
            await http.put(url.replace("uploads/", "derived/"), content=b"abc", headers=headers),
            await http.get(url, headers=headers),
        ]
        taken = await http.put(url, content=b"abc", headers=headers)
        again = await http.put(url, content=b"xyz", headers=headers)

    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert taken.status_code == 200
    assert taken.headers["etag"] == f'"{md5(b"abc")}"'
    assert again.status_code == 412
    assert events.take() == [event("PutObject", NFD_KEY, size=3, eTag=md5(b"abc"))]
    await s3.delete_object(Bucket=BUCKET, Key=NFC_KEY)


async def test_an_expired_url_and_a_wrong_secret_are_refused(
    s3: Any, events: Events, standin: Standin
) -> None:
    url = await s3.generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "late.txt"}, ExpiresIn=1
    )
    await asyncio.sleep(2.1)  # a URL can only be made to expire by waiting

    async with httpx.AsyncClient() as http:
        expired = await http.put(url, content=b"x")
        unsigned = await http.get(f"{standin.r2_url}/{BUCKET}/late.txt")

    assert (expired.status_code, "ExpiredRequest" in expired.text) == (403, True)
    assert unsigned.status_code == 403
    assert events.take() == []


@pytest.mark.parametrize(
    ("declared", "status", "code"),
    [
        (hashlib.sha256(b"another body").hexdigest(), 400, "XAmzContentSHA256Mismatch"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 501, "NotImplemented"),
    ],
)
async def test_a_body_other_than_declared_and_a_trailer_are_refused(
    events: Events, standin: Standin, declared: str, status: int, code: str
) -> None:
    request = AWSRequest("PUT", f"{standin.r2_url}/{BUCKET}/declared.txt", data=b"")
    request.headers["x-amz-content-sha256"] = declared
    signer = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", "auto")
    signer.payload = lambda _: declared
    signer.add_auth(request)

    async with httpx.AsyncClient() as http:
        answer = await http.put(request.url, content=b"the body", headers=dict(request.headers))

    assert (answer.status_code, code in answer.text) == (status, True)
    assert events.take() == []


async def test_a_copy_names_its_source(s3: Any, events: Events) -> None:
    await s3.put_object(Bucket=BUCKET, Key="from me+é.txt", Body=b"12345")
    events.take()

    await s3.copy_object(
        Bucket=BUCKET, Key="to.txt", CopySource={"Bucket": BUCKET, "Key": "from me+é.txt"}
    )

    assert events.take() == [
        {
            **event("CopyObject", "to.txt", size=5, eTag=md5(b"12345")),
            "copySource": {"bucket": BUCKET, "object": "from me+é.txt"},
        }
    ]


async def test_a_multipart_upload_is_announced_when_it_is_complete(s3: Any, events: Events) -> None:
    key = "große datei.bin"
    chunks = [b"a" * 5 * 1024 * 1024, b"b" * 1000]
    upload = await s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    call = {"Bucket": BUCKET, "Key": key, "UploadId": upload["UploadId"]}

    parts = []
    for number, chunk in enumerate(chunks, start=1):
        part = await s3.upload_part(**call, PartNumber=number, Body=chunk)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    listed = await s3.list_parts(**call)
    before = events.take()
    done = await s3.complete_multipart_upload(**call, MultipartUpload={"Parts": parts})

    head = await s3.head_object(Bucket=BUCKET, Key=key)
    assert [part["Size"] for part in listed["Parts"]] == [len(chunk) for chunk in chunks]
    assert before == []
    assert done["ETag"] == head["ETag"]
    size = sum(map(len, chunks))
    etag = head["ETag"].strip('"')
    assert events.take() == [event("CompleteMultipartUpload", key, size=size, eTag=etag)]
    got = await s3.get_object(Bucket=BUCKET, Key=key)
    assert await got["Body"].read() == b"".join(chunks)


async def test_an_aborted_upload_makes_no_event(s3: Any, events: Events) -> None:
    upload = await s3.create_multipart_upload(Bucket=BUCKET, Key="never.bin")
    call = {"Bucket": BUCKET, "Key": "never.bin", "UploadId": upload["UploadId"]}
    await s3.upload_part(**call, PartNumber=1, Body=b"x")

    await s3.abort_multipart_upload(**call)

    assert events.take() == []


async def test_deleting_many_makes_one_event_for_each(s3: Any, events: Events) -> None:
    keys = ["many/1", "many/2 & more", "many/not there"]
    for key in keys[:2]:
        await s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    events.take()

    answer = await s3.delete_objects(
        Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]}
    )

    assert [item["Key"] for item in answer["Deleted"]] == keys
    assert events.take() == [event("DeleteObject", key) for key in keys]
    assert "Contents" not in await s3.list_objects_v2(Bucket=BUCKET, Prefix="many/")


async def test_a_bucket_without_notifications_stays_silent(s3: Any, events: Events) -> None:
    await s3.put_object(Bucket=SILENT_BUCKET, Key="text.zst", Body=b"x")

    await s3.delete_object(Bucket=SILENT_BUCKET, Key="text.zst")

    assert events.take() == []


async def test_of_many_first_writers_exactly_one_wins(s3: Any, events: Events) -> None:
    async def write(number: int) -> str:
        try:
            await s3.put_object(
                Bucket=BUCKET, Key="race.txt", Body=str(number).encode(), IfNoneMatch="*"
            )
        except ClientError as exc:
            return str(exc.response["Error"]["Code"])
        return "won"

    outcomes = await asyncio.gather(*map(write, range(20)))

    assert sorted(outcomes) == ["PreconditionFailed"] * 19 + ["won"]
    winner = str(outcomes.index("won")).encode()
    assert events.take() == [event("PutObject", "race.txt", size=len(winner), eTag=md5(winner))]
    await s3.delete_object(Bucket=BUCKET, Key="race.txt")


async def test_if_match_guards_reads_and_writes(s3: Any, events: Events) -> None:
    call = {"Bucket": BUCKET, "Key": "guarded.txt"}
    etag = (await s3.put_object(**call, Body=b"one"))["ETag"]
    newer = (await s3.put_object(**call, Body=b"two", IfMatch=etag))["ETag"]

    refused = []
    attempts: list[Callable[[], Awaitable[Any]]] = [
        lambda: s3.put_object(**call, Body=b"three", IfMatch=etag),
        lambda: s3.get_object(**call, IfMatch=etag),
        lambda: s3.head_object(**call, IfMatch=etag),
    ]
    for attempt in attempts:
        with pytest.raises(ClientError) as caught:
            await attempt()
        refused.append(status_of(caught))
    with pytest.raises(ClientError) as unchanged:
        await s3.get_object(**call, IfNoneMatch=newer)

    assert refused == [412, 412, 412]
    assert status_of(unchanged) == 304
    got = await s3.get_object(**call, IfMatch=newer)
    assert await got["Body"].read() == b"two"


async def test_an_upload_that_breaks_off_leaves_the_old_object(
    s3: Any, events: Events, standin: Standin
) -> None:
    await s3.put_object(Bucket=BUCKET, Key="steady.txt", Body=b"old content")
    events.take()
    url = await s3.generate_presigned_url(
        "put_object",
        Params={"Bucket": BUCKET, "Key": "steady.txt", "ContentLength": 1_000_000},
        ExpiresIn=60,
    )

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 500_000
        raise ConnectionAbortedError

    async with httpx.AsyncClient() as http:
        with pytest.raises(ConnectionAbortedError):
            await http.put(url, content=half(), headers={"content-length": "1000000"})

    got = await s3.get_object(Bucket=BUCKET, Key="steady.txt")
    assert await got["Body"].read() == b"old content"
    assert events.take() == []


async def test_a_download_overtaken_by_an_overwrite_breaks_instead_of_mixing_versions(
    s3: Any, events: Events
) -> None:
    call = {"Bucket": BUCKET, "Key": "large.bin"}
    size = 64 * 1024 * 1024
    await s3.put_object(**call, Body=b"a" * size)
    url = await s3.generate_presigned_url("get_object", Params=call, ExpiresIn=60)

    received = bytearray()

    async def download() -> None:
        async with httpx.AsyncClient() as http, http.stream("GET", url) as response:
            async for chunk in response.aiter_bytes():
                if not received:
                    await s3.put_object(**call, Body=b"b" * size)
                received.extend(chunk)

    with pytest.raises(httpx.TransportError):
        await download()

    assert 0 < len(received) < size
    assert set(received) == {ord("a")}
    got = await s3.get_object(**call)
    assert set(await got["Body"].read()) == {ord("b")}


async def test_keys_that_a_folder_cannot_hold_are_refused(s3: Any, standin: Standin) -> None:
    statuses = []
    for key in ("../derived/x", "a/./b", "a//b", "folder/", "k" * 1025):
        with pytest.raises(ClientError) as caught:
            await s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        statuses.append(status_of(caught))

    assert statuses == [400] * 5


async def test_the_browser_may_upload_from_an_allowed_origin_only(
    s3: Any, standin: Standin
) -> None:
    url = await s3.generate_presigned_url(
        "put_object", Params={"Bucket": BUCKET, "Key": "cors.txt"}, ExpiresIn=60
    )
    ask = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,if-none-match",
    }

    async with httpx.AsyncClient() as http:
        allowed = await http.options(url, headers={"Origin": ORIGIN, **ask})
        refused = await http.options(url, headers={"Origin": "http://evil.example", **ask})
        put = await http.put(url, content=b"x", headers={"Origin": ORIGIN})
        error = await http.put(url + "0", content=b"x", headers={"Origin": ORIGIN})

    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-headers"] == "content-type,if-none-match"
    assert "PUT" in allowed.headers["access-control-allow-methods"]
    assert refused.status_code == 403
    assert put.headers["access-control-allow-origin"] == ORIGIN
    assert "ETag" in put.headers["access-control-expose-headers"]
    assert put.headers.get_list("access-control-allow-origin") == [ORIGIN]
    assert (error.status_code, error.headers["access-control-allow-origin"]) == (403, ORIGIN)


async def test_a_listing_pages_through_many_objects(s3: Any, events: Events) -> None:
    keys = [f"pages/{number:02}" for number in range(25)]
    await asyncio.gather(*(s3.put_object(Bucket=BUCKET, Key=key, Body=b"x") for key in keys))

    listed = []
    paginator = s3.get_paginator("list_objects_v2")
    async for page in paginator.paginate(
        Bucket=BUCKET, Prefix="pages/", PaginationConfig={"PageSize": 10}
    ):
        listed += [item["Key"] for item in page["Contents"]]

    assert listed == keys
    assert sorted(e["object"]["key"] for e in events.take()) == keys


async def test_a_client_that_waits_for_leave_to_send_a_body_gets_it(standin: Standin) -> None:
    async with stock_s3_client(standin.r2_url, read_timeout=5) as client:
        await client.put_object(Bucket=SILENT_BUCKET, Key="patient.txt", Body=b"after you")

        answer = await client.get_object(Bucket=SILENT_BUCKET, Key="patient.txt")

        assert await answer["Body"].read() == b"after you"
