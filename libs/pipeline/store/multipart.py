"""Uploads in parts, by clients: begun, signed, listed, completed and aborted here.

R2 wants all parts but the last to be of one size, and drops what is not completed within a week.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from pipeline.store.object_errors import translated

# What stores say of an upload that was completed, aborted, dropped, or never there.
GONE_CODES = frozenset({"NoSuchUpload", "NoSuchKey", "404"})
# And of parts that they do not have as they are named.
MISMATCH_CODES = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall"})


class UploadGone(Exception):
    """There is no such upload, or it has ended."""


class PartsMismatch(Exception):
    """The store has not the parts that were named, or they make no object."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was uploaded; the ETag without quotes, the size in bytes."""

    number: int
    etag: str
    size: int


class MultipartUploads:
    """Every method raises DependencyError as `ObjectStore` does, and UploadGone but for `begin`."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def begin(self, key: str, *, content_type: str | None) -> str:
        """The id of a new upload."""
        described = {} if content_type is None else {"ContentType": content_type}
        with translated("upload"):
            begun = await self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, **described
            )
        return str(begun["UploadId"])

    async def sign(
        self, key: str, upload_id: str, *, number: int, length: int, expires: timedelta
    ) -> tuple[str, Mapping[str, str]]:
        """A URL for one part of exactly this length, and the headers to send with it."""
        params = {
            "Bucket": self._bucket,
            "Key": key,
            "UploadId": upload_id,
            "PartNumber": number,
            "ContentLength": length,
        }
        with translated("signature"):
            url: str = await self._client.generate_presigned_url(
                "upload_part", Params=params, ExpiresIn=int(expires.total_seconds())
            )
        return url, {"Content-Length": str(length)}

    async def parts(
        self, key: str, upload_id: str, *, after: int = 0, limit: int = 1_000
    ) -> tuple[list[Part], bool]:
        """The parts behind a number, in order, and whether there are more."""
        with translated("listing"), _told():
            found = await self._client.list_parts(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                PartNumberMarker=after,
                MaxParts=limit,
            )
        parts = [
            Part(int(each["PartNumber"]), str(each["ETag"]).strip('"'), int(each["Size"]))
            for each in found.get("Parts", ())
        ]
        return parts, bool(found.get("IsTruncated"))

    async def complete(self, key: str, upload_id: str, parts: Sequence[Part]) -> None:
        """Make the object of its parts, which are in order.

        Raises:
            PartsMismatch: these are not what the store has.
        """
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        with translated("upload"), _told():
            await self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                UploadId=upload_id,
                MultipartUpload={"Parts": named},
            )

    async def abort(self, key: str, upload_id: str) -> None:
        """Drop the upload and its parts."""
        with translated("upload"), _told():
            await self._client.abort_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id
            )


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a store says of an upload into our errors; let all else through."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in GONE_CODES:
            raise UploadGone from error
        if code in MISMATCH_CODES:
            raise PartsMismatch(code) from error
        raise
