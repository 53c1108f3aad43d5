"""The object store: what clients upload, and what is derived from it in a bucket of its own.

Speaks S3 as R2 does. ETags carry no quotes anywhere on our side. Every method raises
DependencyError (OBJECT_STORE) when the store is away, and its subclass ObjectStoreMisconfigured
for a wrong bucket, key or permission.
"""

import asyncio
import unicodedata
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Self
from urllib.parse import quote

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from botocore.handlers import add_expect_header

from pipeline.errors import DependencyError, ObjectChanged, TooLarge
from pipeline.settings import ObjectStoreSettings
from pipeline.store.multipart import MultipartUploads
from pipeline.store.object_errors import (
    is_not_found,
    is_precondition_failed,
    translated,
    unavailable,
)

REGION = "auto"  # R2 has no regions to choose from
CHUNK_BYTES = 1024 * 1024
CONNECT_SECONDS = 5
READ_SECONDS = 60  # between two reads, not for a whole body
ATTEMPTS = 3  # in the library; longer outages are waited out in Postgres
CONNECTIONS = 64  # files wait their turn beyond that, and large ones take several
DELETES_AT_ONCE = 8
# Larger files go in parts, of one size as R2 demands: what fails is sent again by the part, and no
# gigabytes are read for one signature. 10,000 parts at most, which is 300 GB.
PART_BYTES = 32 * 1024 * 1024
EXPIRY_MAX = timedelta(days=7)  # of a presigned URL, by the signature's definition


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """What an object is now. Metadata keys are in lower case."""

    etag: str
    size: int
    content_type: str | None
    last_modified: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListedObject:
    """An object as a listing shows it; the key is NFC, which is how R2 identifies it."""

    key: str
    etag: str
    size: int
    last_modified: datetime


class ObjectStore:
    """Both buckets behind one client for the life of a process and its event loop."""

    def __init__(self, settings: ObjectStoreSettings, client: Any) -> None:
        self._bucket = settings.r2_bucket
        self._derived = settings.derived_bucket
        self._client = client
        self.multipart = MultipartUploads(client, settings.r2_bucket)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: ObjectStoreSettings) -> AsyncIterator[Self]:
        """Connects at the first call, not here."""
        config = AioConfig(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # R2 refuses the checksum trailers that the library would add on its own.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        async with get_session().create_client(
            "s3",
            endpoint_url=settings.endpoint_url,
            region_name=REGION,
            aws_access_key_id=settings.r2_access_key_id.get_secret_value(),
            aws_secret_access_key=settings.r2_secret_access_key.get_secret_value(),
            config=config,
        ) as client:
            # The library waits for `100 Continue` without end, and R2 does not send it.
            client.meta.events.unregister("before-call.s3", add_expect_header)
            yield cls(settings, client)

    async def healthy(self) -> None:
        """Return if both buckets answer to our key."""
        for bucket in (self._bucket, self._derived):
            with translated("listing"):
                await self._client.list_objects_v2(Bucket=bucket, MaxKeys=1)

    async def head(self, key: str) -> ObjectVersion | None:
        """What the object is now; None if it is not there, which a listing has confirmed.

        The answer to a HEAD has no body, so a 404 alone could as well be a wrong bucket.
        """
        for _ in range(2):
            found = await self._head(key)
            if found is not None or not await self.exists_in_listing(key):
                return found
            # It appeared between the two requests; once more.
        raise unavailable("the object store lists an object that it does not find")

    async def exists_in_listing(self, key: str) -> bool:
        """Whether a listing shows the object."""
        with translated("listing"):
            # Of all keys with this prefix the key itself sorts first.
            page = await self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        return any(_nfc(item["Key"]) == _nfc(key) for item in page.get("Contents", ()))

    async def download(self, key: str, *, if_match: str, to: Path, bytes_max: int) -> None:
        """Write exactly this version of the object to a file, which is created or overwritten.

        Raises ObjectChanged if the object is another version by now, or gone; TooLarge above
        `bytes_max`, before a byte is written; DependencyError if the body breaks off.
        """
        with translated("download"):
            try:
                response = await self._client.get_object(
                    Bucket=self._bucket, Key=key, IfMatch=f'"{if_match}"'
                )
            except ClientError as error:
                if is_precondition_failed(error) or is_not_found(error):
                    raise ObjectChanged("the object changed after it was looked at") from error
                raise
            async with response["Body"] as body:
                # A server that ignores If-Match must not pass another version off as this one.
                if _unquote(response["ETag"]) != if_match:
                    raise ObjectChanged("the object changed after it was looked at")
                if response["ContentLength"] > bytes_max:
                    raise TooLarge(f"the file is larger than {bytes_max} bytes")
                await _save(body, to, expected=response["ContentLength"])

    async def list(
        self, prefix: str = "", *, start_after: str = "", page: int = 1000
    ) -> AsyncIterator[ListedObject]:
        """Every object under a prefix, in the order of keys, from behind `start_after`."""
        async for item in self._list(self._bucket, prefix, start_after, page):
            yield item

    async def delete(self, key: str, *, if_still: ObjectVersion | None = None) -> bool:
        """Remove the object if it is still that version (None: whatever it is).

        Whether it is gone: False means that another upload stands there, be it of the same bytes.
        S3 stores without a conditional delete leave a gap between the look and the removal; an
        upload in that moment is lost to it. Its event then finds no object, so the index follows
        the bucket even so.
        """
        if if_still is not None:
            found = await self._head(key)
            if found is None:
                return not await self.exists_in_listing(key)
            if (found.etag, found.last_modified) != (if_still.etag, if_still.last_modified):
                return False
        with translated("delete"):
            await self._client.delete_object(Bucket=self._bucket, Key=key)
        return True

    async def presign_put(
        self,
        key: str,
        *,
        content_type: str | None,
        content_length: int | None,
        expires: timedelta,
        write_once: bool = False,
    ) -> tuple[str, dict[str, str]]:
        """A URL to upload to, and the headers that must be sent with it exactly as they are.

        Without a signed length the holder may upload anything up to the store's own limit. A URL
        works until it expires; `write_once` makes every use after the first fail.
        """
        params: dict[str, object] = {"Bucket": self._bucket, "Key": key}
        headers: dict[str, str] = {}
        if content_type is not None:
            params["ContentType"] = headers["Content-Type"] = content_type
        if content_length is not None:
            params["ContentLength"] = content_length
            headers["Content-Length"] = str(content_length)
        if write_once:
            params["IfNoneMatch"] = headers["If-None-Match"] = "*"
        return await self._presign("put_object", params, expires), headers

    async def presign_get(
        self, key: str, *, expires: timedelta, file_name: str, shown_as: str | None = None
    ) -> str:
        """A URL that downloads the object under a name, or shows it as that media type."""
        handling = "attachment" if shown_as is None else "inline"
        name = quote(file_name, safe="")
        params: dict[str, object] = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": f"{handling}; filename*=UTF-8''{name}",
        }
        if shown_as is not None:
            params["ResponseContentType"] = shown_as
        return await self._presign("get_object", params, expires)

    async def put_derived(
        self, key: str, source: Path, *, content_type: str = "application/octet-stream"
    ) -> None:
        """Store a file in the derived bucket, replacing what was there."""
        size = source.stat().st_size
        with source.open("rb") as body, translated("upload"):
            if size > PART_BYTES:
                await self._put_parts(key, body, content_type)
                return
            await self._client.put_object(
                Bucket=self._derived,
                Key=key,
                Body=body,
                ContentLength=size,
                ContentType=content_type,
            )

    async def _put_parts(self, key: str, body: BinaryIO, content_type: str) -> None:
        where = {"Bucket": self._derived, "Key": key}
        begun = await self._client.create_multipart_upload(**where, ContentType=content_type)
        upload = {**where, "UploadId": begun["UploadId"]}
        try:
            parts: list[dict[str, object]] = []
            while part := await asyncio.to_thread(body.read, PART_BYTES):
                number = len(parts) + 1
                sent = await self._client.upload_part(**upload, PartNumber=number, Body=part)
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            await self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            # Best effort: the store itself drops unfinished uploads, R2 after a week. Whatever
            # fails here must not take the place of what ended the upload, a cancellation perhaps.
            with suppress(DependencyError), translated("upload"):
                await self._client.abort_multipart_upload(**upload)
            raise

    async def get_derived(self, key: str, *, to: Path) -> bool:
        """Fetch a file from the derived bucket; False, and no file, if it is not there."""
        with translated("download"):
            try:
                response = await self._client.get_object(Bucket=self._derived, Key=key)
            except ClientError as error:
                if is_not_found(error):
                    return False
                raise
            async with response["Body"] as body:
                await _save(body, to, expected=response["ContentLength"])
        return True

    async def presign_derived(self, key: str, *, expires: timedelta, content_type: str) -> str:
        """A URL that shows an object of the derived bucket."""
        params = {
            "Bucket": self._derived,
            "Key": key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": "inline",
        }
        return await self._presign("get_object", params, expires)

    async def delete_derived(self, prefix: str) -> None:
        """Remove everything under a prefix of the derived bucket.

        An empty prefix is refused with ValueError.
        """
        if not prefix:
            raise ValueError("an empty prefix would empty the bucket")
        listed = self._list(self._derived, prefix, "", 1000)
        await self._delete_derived([item.key async for item in listed])

    async def delete_older_derived(self, prefix: str, *, than: str, keep: str) -> None:
        """Remove what is older than the object `than` under a prefix of the derived bucket, but for
        what `keep` begins; nothing if that object has gone."""
        items = [item async for item in self._list(self._derived, prefix, "", 1000)]
        written = next((item.last_modified for item in items if item.key == than), None)
        if written is not None:
            await self._delete_derived(
                [
                    item.key
                    for item in items
                    if item.last_modified < written and not item.key.startswith(keep)
                ]
            )

    async def _delete_derived(self, keys: Sequence[str]) -> None:
        slots = asyncio.Semaphore(DELETES_AT_ONCE)

        async def delete(key: str) -> None:
            async with slots:
                await self._client.delete_object(Bucket=self._derived, Key=key)

        with translated("delete"):
            await asyncio.gather(*(delete(key) for key in keys))

    async def _head(self, key: str) -> ObjectVersion | None:
        with translated("look"):
            try:
                found = await self._client.head_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                if is_not_found(error):
                    return None
                raise
        return ObjectVersion(
            etag=_unquote(found["ETag"]),
            size=found["ContentLength"],
            content_type=found.get("ContentType"),
            last_modified=found["LastModified"],
            metadata={name.lower(): value for name, value in found.get("Metadata", {}).items()},
        )

    async def _list(
        self, bucket: str, prefix: str, start_after: str, page: int
    ) -> AsyncIterator[ListedObject]:
        position: dict[str, str] = {"StartAfter": start_after} if start_after else {}
        while True:
            with translated("listing"):
                found = await self._client.list_objects_v2(
                    Bucket=bucket, Prefix=prefix, MaxKeys=page, **position
                )
            for item in found.get("Contents", ()):
                yield ListedObject(
                    key=_nfc(item["Key"]),
                    etag=_unquote(item["ETag"]),
                    size=item["Size"],
                    last_modified=item["LastModified"],
                )
            if not found.get("IsTruncated"):
                return
            position = {"ContinuationToken": found["NextContinuationToken"]}

    async def _presign(self, method: str, params: Mapping[str, object], expires: timedelta) -> str:
        if not timedelta(seconds=1) <= expires <= EXPIRY_MAX:
            raise ValueError(f"a URL cannot be signed for {expires}")
        with translated("signature"):
            url: str = await self._client.generate_presigned_url(
                method, Params=params, ExpiresIn=int(expires.total_seconds())
            )
        return url


async def _save(body: Any, to: Path, *, expected: int) -> None:
    """Stream a body to a file. Raises DependencyError unless all of it came."""
    received = 0
    file = await asyncio.to_thread(to.open, "wb")
    try:
        async for chunk in body.iter_chunks(CHUNK_BYTES):
            received += len(chunk)
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)
    if received != expected:
        raise unavailable(f"the object store sent {received} of {expected} bytes")


def _unquote(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')


def _nfc(key: str) -> str:
    return unicodedata.normalize("NFC", key)
