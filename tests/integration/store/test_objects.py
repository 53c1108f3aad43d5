"""The object store against a real S3 server that checks signatures."""

import asyncio
import filecmp
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pipeline.errors import DependencyError, ObjectChanged, TooLarge
from pipeline.settings import ObjectStoreSettings
from pipeline.store.object_errors import ObjectStoreMisconfigured
from pipeline.store.objects import PART_BYTES, ObjectStore, ObjectVersion
from stack.ports import LOOPBACK
from support.broken_http import answering

KEY = "dataset/a report.pdf"
MINUTE = timedelta(minutes=1)
MEGABYTE = 1024 * 1024
SOME_VERSION = ObjectVersion("etag", 5, "text/plain", datetime(2026, 1, 1, tzinfo=UTC), {})

Change = Callable[..., ObjectStoreSettings]


@pytest.fixture
def changed(object_settings: ObjectStoreSettings) -> Change:
    """The store's settings with some of them different."""

    def change(**fields: str) -> ObjectStoreSettings:
        return object_settings.model_copy(update=fields)

    return change


async def upload(store: ObjectStore, key: str, content: bytes, kind: str = "text/plain") -> None:
    url, headers = await store.presign_put(
        key, content_type=kind, content_length=len(content), expires=MINUTE
    )
    async with httpx.AsyncClient() as client:
        (await client.put(url, content=content, headers=headers)).raise_for_status()


async def etag_of(store: ObjectStore, key: str) -> str:
    version = await store.head(key)
    assert version is not None
    return version.etag


async def test_an_uploaded_object_shows_what_it_is(objects: ObjectStore) -> None:
    await upload(objects, KEY, b"hello", "application/pdf")

    version = await objects.head(KEY)

    assert version is not None
    assert (version.size, version.content_type) == (5, "application/pdf")
    assert '"' not in version.etag
    assert version.last_modified.tzinfo is not None


async def test_an_object_that_is_not_there_is_none(objects: ObjectStore) -> None:
    await upload(objects, f"{KEY}.bak", b"a key that starts the same")

    assert await objects.head(KEY) is None
    assert not await objects.exists_in_listing(KEY)
    assert await objects.exists_in_listing(f"{KEY}.bak")


async def test_a_wrong_bucket_is_never_taken_for_a_missing_object(changed: Change) -> None:
    async with ObjectStore.open(changed(r2_bucket="no-such-bucket")) as store:
        with pytest.raises(ObjectStoreMisconfigured):
            await store.head(KEY)
        with pytest.raises(ObjectStoreMisconfigured):
            await store.delete(KEY, if_still=SOME_VERSION)
        with pytest.raises(ObjectStoreMisconfigured):
            _ = [item async for item in store.list()]
        with pytest.raises(ObjectStoreMisconfigured):
            await store.healthy()


async def test_a_wrong_key_is_a_setting_gone_wrong(
    object_settings: ObjectStoreSettings,
) -> None:
    secret = type(object_settings.r2_secret_access_key)("another-secret-of-some-length")
    settings = object_settings.model_copy(update={"r2_secret_access_key": secret})

    async with ObjectStore.open(settings) as store:
        with pytest.raises(ObjectStoreMisconfigured) as refused:
            await store.head(KEY)

    assert refused.value.code == "object_store_misconfigured"
    assert "another-secret" not in str(refused.value)


async def test_a_store_that_is_away_is_a_dependency(changed: Change) -> None:
    async with ObjectStore.open(changed(r2_endpoint_url=f"http://{LOOPBACK}:1")) as store:
        with pytest.raises(DependencyError):
            await store.head(KEY)


async def test_a_download_is_the_version_asked_for_byte_by_byte(
    objects: ObjectStore, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 20_000
    await upload(objects, KEY, content)

    await objects.download(
        KEY, if_match=await etag_of(objects, KEY), to=tmp_path / "file", bytes_max=len(content)
    )

    assert (tmp_path / "file").read_bytes() == content


async def test_an_object_that_changed_or_went_is_not_downloaded(
    objects: ObjectStore, tmp_path: Path
) -> None:
    await upload(objects, KEY, b"first")
    first = await etag_of(objects, KEY)
    await upload(objects, KEY, b"second version")

    with pytest.raises(ObjectChanged):
        await objects.download(KEY, if_match=first, to=tmp_path / "file", bytes_max=MEGABYTE)
    await objects.delete(KEY)
    with pytest.raises(ObjectChanged):
        await objects.download(KEY, if_match=first, to=tmp_path / "file", bytes_max=MEGABYTE)

    assert not (tmp_path / "file").exists()


async def test_an_object_above_the_limit_is_not_downloaded(
    objects: ObjectStore, tmp_path: Path
) -> None:
    await upload(objects, KEY, b"12345")

    with pytest.raises(TooLarge):
        await objects.download(
            KEY, if_match=await etag_of(objects, KEY), to=tmp_path / "file", bytes_max=4
        )

    assert not (tmp_path / "file").exists()


async def test_a_body_that_breaks_off_is_the_stores_fault(changed: Change, tmp_path: Path) -> None:
    cut = b'HTTP/1.1 200 OK\r\nETag: "etag"\r\nContent-Length: 100\r\n\r\nonly this'

    async with (
        answering(cut) as url,
        ObjectStore.open(changed(r2_endpoint_url=url)) as store,
    ):
        with pytest.raises(DependencyError):
            await store.download(KEY, if_match="etag", to=tmp_path / "file", bytes_max=MEGABYTE)


async def test_a_server_that_ignores_the_condition_is_seen_through(
    changed: Change, tmp_path: Path
) -> None:
    other = b'HTTP/1.1 200 OK\r\nETag: "other"\r\nContent-Length: 2\r\n\r\nhi'

    async with (
        answering(other) as url,
        ObjectStore.open(changed(r2_endpoint_url=url)) as store,
    ):
        with pytest.raises(ObjectChanged):
            await store.download(KEY, if_match="etag", to=tmp_path / "file", bytes_max=MEGABYTE)


async def test_a_busy_store_says_when_to_come_back(changed: Change) -> None:
    busy = b"HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"

    async with (
        answering(busy) as url,
        ObjectStore.open(changed(r2_endpoint_url=url)) as store,
    ):
        with pytest.raises(DependencyError) as failure:
            await store.head(KEY)

    assert failure.value.retry_after == timedelta(seconds=7)
    assert not isinstance(failure.value, ObjectStoreMisconfigured)


async def test_a_listing_pages_through_everything_in_order(objects: ObjectStore) -> None:
    for number in range(7):
        await upload(objects, f"dataset/{number}", b"x")
    await upload(objects, "other/1", b"x")

    everything = [item.key async for item in objects.list("dataset/", page=3)]
    rest = [item.key async for item in objects.list("dataset/", start_after="dataset/4")]

    assert everything == [f"dataset/{number}" for number in range(7)]
    assert rest == ["dataset/5", "dataset/6"]


async def test_keys_reach_the_store_as_they_are(objects: ObjectStore) -> None:
    keys = {"d/a+b c.txt", "d/100%25 %41.txt", "d/größe?#&=.txt", "d/東京.txt"}
    for key in keys:
        await upload(objects, key, key.encode())

    assert {item.key async for item in objects.list("d/")} == keys
    for key in keys:
        version = await objects.head(key)
        assert version is not None
        assert version.size == len(key.encode())


async def test_a_delete_removes_only_the_version_it_means(objects: ObjectStore) -> None:
    await upload(objects, KEY, b"first")
    first = await objects.head(KEY)
    await upload(objects, KEY, b"second version")
    second = await objects.head(KEY)
    assert second is not None
    same_bytes_earlier = replace(second, last_modified=second.last_modified - timedelta(seconds=1))

    assert not await objects.delete(KEY, if_still=first)
    assert not await objects.delete(KEY, if_still=same_bytes_earlier)
    assert await objects.exists_in_listing(KEY)
    assert await objects.delete(KEY, if_still=second)
    assert await objects.head(KEY) is None
    assert await objects.delete(KEY, if_still=first)


async def test_a_signed_upload_takes_only_the_length_and_type_it_was_signed_for(
    objects: ObjectStore,
) -> None:
    url, headers = await objects.presign_put(
        KEY, content_type="text/plain", content_length=5, expires=MINUTE
    )

    async with httpx.AsyncClient() as client:
        longer = await client.put(url, content=b"longer", headers={"Content-Type": "text/plain"})
        other = await client.put(url, content=b"hello", headers={"Content-Type": "text/html"})
        right = await client.put(url, content=b"hello", headers=headers)

    assert (longer.status_code, other.status_code, right.status_code) == (403, 403, 200)


async def test_a_write_once_upload_signs_its_condition(objects: ObjectStore) -> None:
    url, headers = await objects.presign_put(
        KEY, content_type=None, content_length=None, expires=MINUTE, write_once=True
    )

    [signed] = parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"]
    assert headers == {"If-None-Match": "*"}
    assert "if-none-match" in signed.split(";")


async def test_a_signed_download_names_the_file(objects: ObjectStore) -> None:
    await upload(objects, KEY, b"hello")

    url = await objects.presign_get(KEY, expires=MINUTE, file_name="größe; x.pdf")

    async with httpx.AsyncClient() as client:
        answer = await client.get(url)
    assert answer.content == b"hello"
    [disposition] = parse_qs(urlsplit(url).query)["response-content-disposition"]
    assert disposition == "attachment; filename*=UTF-8''gr%C3%B6%C3%9Fe%3B%20x.pdf"


async def test_a_url_cannot_be_signed_for_longer_than_signatures_live(
    objects: ObjectStore,
) -> None:
    with pytest.raises(ValueError, match="signed"):
        await objects.presign_get(KEY, expires=timedelta(days=8), file_name="a")


async def test_what_is_derived_goes_there_and_back(objects: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"\x28\xb5\x2f\xfd" * 500_000)

    await objects.put_derived("doc/1/text", source, content_type="application/zstd")
    found = await objects.get_derived("doc/1/text", to=tmp_path / "copy")
    missing = await objects.get_derived("doc/1/blocks", to=tmp_path / "none")

    assert found
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert not missing
    assert not (tmp_path / "none").exists()


async def test_what_is_derived_and_large_goes_in_parts(
    objects: ObjectStore, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)) * (PART_BYTES // 256) + b"the rest")

    await objects.put_derived("doc/1/text", source)
    await objects.get_derived("doc/1/text", to=tmp_path / "copy")

    assert filecmp.cmp(source, tmp_path / "copy", shallow=False)


async def test_older_derived_files_go_and_newer_ones_stay(
    objects: ObjectStore, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for keys in (("1/old.text",), ("1/own.crop", "1/own.text"), ("1/new.crop", "1/new.text")):
        for key in keys:
            await objects.put_derived(key, source, content_type="text/plain")
        await asyncio.sleep(1.1)  # the store's clock counts seconds

    await objects.delete_older_derived("1/", than="1/gone.text", keep="1/gone.")
    untouched = [item.key async for item in objects.list("1/")]
    await objects.delete_older_derived("1/", than="1/own.text", keep="1/own.")

    assert len(untouched) == 5
    assert [item.key async for item in objects.list("1/")] == [
        "1/new.crop", "1/new.text", "1/own.crop", "1/own.text",
    ]  # fmt: skip


async def test_derived_files_go_with_their_prefix(objects: ObjectStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    for key in ("doc/1/text", "doc/1/blocks", "doc/2/text"):
        await objects.put_derived(key, source, content_type="text/plain")

    await objects.delete_derived("doc/1/")

    assert [item.key async for item in objects.list("doc/")] == ["doc/2/text"]
    with pytest.raises(ValueError, match="empty"):
        await objects.delete_derived("")
