"""A large file in parts, several at once, and only those that the bucket has not got yet.

What was begun is remembered with the file's size and time: a run that was broken off goes on where
it ended, also days later, as long as the file is the same.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from sluice.errors import ApiError, NotFound, SluiceError, UploadRefused
from sluice.models import Job
from sluice.tasks import together
from sluice.transport import Api
from sluice.uploading.checksums import joined, md5_of
from sluice.uploading.files import LocalFile
from sluice.uploading.memory import Memory, Remembered
from sluice.uploading.sending import FILE_CHANGED, OnBytes, etag_in, put
from sluice.uploading.wire import (
    CompletedUploads,
    MultipartUpload,
    PartUrl,
    PartUrls,
    StoredPart,
)

URLS_AT_ONCE = 16  # so that the last of them is used long before it expires
URL_TRIES = 3  # as with whole files
LARGE_BYTES = 100 * 1000**2  # from there on a broken connection costs more than the requests
UNSUPPORTED_CODES = frozenset({"unknown_path", "method_not_allowed", "unknown"})
MD5 = re.compile(r"[0-9a-f]{32}")


class NotSupported(SluiceError):
    """The server takes no uploads in parts."""


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    start: int
    size: int


@dataclass(slots=True)
class Transfer:
    """A file under way: checksums and ETags, by number, of the parts that are there."""

    file: LocalFile
    upload: MultipartUpload
    on_bytes: OnBytes
    digests: dict[int, bytes] = field(default_factory=dict)
    etags: dict[int, str] = field(default_factory=dict)

    def parts(self) -> Iterator[Part]:
        part_bytes, size = self.upload.part_bytes, self.file.size
        for number, start in enumerate(range(0, size, part_bytes), start=1):
            yield Part(number, start, min(part_bytes, size - start))

    def take(self, part: Part, digest: bytes, etag: str) -> None:
        self.digests[part.number], self.etags[part.number] = digest, etag

    def etag(self) -> str:
        """Of the whole object, as stores count it."""
        return joined([self.digests[number] for number in sorted(self.digests)])


class MultipartSender:
    """`slots` bounds the parts of all files that are under way at once."""

    def __init__(self, api: Api, dataset_id: str, memory: Memory, slots: asyncio.Semaphore) -> None:
        self._api = api
        self._path = f"/datasets/{dataset_id}/uploads/multipart"
        self._memory = memory
        self._slots = slots

    async def send(
        self, file: LocalFile, content_type: str | None, on_bytes: OnBytes
    ) -> Job | None:
        """The job that indexes it, once all parts are there.

        Raises:
            NotSupported: nothing was sent; send it in one piece.
            UploadRefused, ApiError, Unreachable: what is there already stays for another run.
        """
        upload, stored = await self._begun(file, content_type)
        transfer = Transfer(file, upload, on_bytes)
        await self._confirm(transfer, stored)
        missing = [part for part in transfer.parts() if part.number not in transfer.etags]
        on_bytes(file.size - sum(part.size for part in missing))
        for begin in range(0, len(missing), URLS_AT_ONCE):
            group = missing[begin : begin + URLS_AT_ONCE]
            urls = await self._urls(upload, group)
            async with together() as tasks:
                for part in group:
                    tasks.create_task(self._send_part(transfer, part, urls[part.number]))
        if file.changed():
            raise UploadRefused(f"{file.path} changed while it was sent", code=FILE_CHANGED)
        return await self._complete(transfer)

    async def _begun(
        self, file: LocalFile, content_type: str | None
    ) -> tuple[MultipartUpload, list[StoredPart]]:
        """An upload that was broken off with what there is of it, or a new one."""
        known = self._memory.recall(file)
        if known is not None and known.upload_id is not None and known.part_bytes is not None:
            count = -(-file.size // known.part_bytes)
            upload = MultipartUpload(known.upload_id, file.name, known.part_bytes, count)
            params = {"file_name": file.name, "upload_id": known.upload_id}
            try:
                listed = self._api.all(f"{self._path}/parts", StoredPart, params=params)
                return upload, [part async for part in listed]
            except NotFound as error:
                _raise_if_unsupported(error)  # otherwise it has expired
        await self._abandon(file)
        body = {"file_name": file.name, "size": file.size}
        if content_type is not None:
            body["content_type"] = content_type
        try:
            upload = await self._api.call("POST", self._path, MultipartUpload, body=body, once=True)
        except ApiError as error:
            _raise_if_unsupported(error)
            raise
        self._memory.keep(file, Remembered(upload.part_bytes, None, upload.upload_id, None))
        return upload, []

    async def _abandon(self, file: LocalFile) -> None:
        """Parts of what the file was before are paid for until somebody says that they are not
        needed."""
        upload_id = self._memory.abandoned(file)
        if upload_id is not None:
            body = {"file_name": file.name, "upload_id": upload_id}
            with suppress(ApiError):
                await self._api.call("POST", f"{self._path}/abort", type(None), body=body)

    async def _confirm(self, transfer: Transfer, stored: Sequence[StoredPart]) -> None:
        """Take those parts that hold what the file holds."""
        there = {part.number: part for part in stored}
        for part in transfer.parts():
            found = there.get(part.number)
            if found is None or found.size != part.size:
                continue
            digest = await asyncio.to_thread(md5_of, transfer.file.path, part.start, part.size)
            etag = found.etag.strip('"')
            # Some stores call parts by names of their own; then size and time of the file decide.
            if MD5.fullmatch(etag) is None or etag == digest.hex():
                transfer.take(part, digest, etag)

    async def _urls(self, upload: MultipartUpload, parts: Sequence[Part]) -> dict[int, PartUrl]:
        body = {
            "file_name": upload.file_name,
            "upload_id": upload.upload_id,
            "numbers": [part.number for part in parts],
        }
        answer = await self._api.call("POST", f"{self._path}/parts", PartUrls, body=body, once=True)
        return {each.number: each for each in answer.parts}

    async def _send_part(self, transfer: Transfer, part: Part, url: PartUrl) -> None:
        path = transfer.file.path
        async with self._slots:
            digest = await asyncio.to_thread(md5_of, path, part.start, part.size)
            for _ in range(URL_TRIES):
                answer = await put(
                    self._api.bucket,
                    self._api.retries,
                    url=url.url,
                    headers=url.headers,
                    path=path,
                    start=part.start,
                    size=part.size,
                    digest=digest,
                    on_bytes=transfer.on_bytes,
                )
                etag = etag_in(answer)
                if answer.is_success and etag is not None:
                    transfer.take(part, digest, etag)
                    return
                url = (await self._urls(transfer.upload, [part]))[part.number]
        raise UploadRefused(
            f"the bucket accepts no URL for {path}: it answers {answer.status_code}"
        )

    async def _complete(self, transfer: Transfer) -> Job | None:
        file, upload = transfer.file, transfer.upload
        body = {
            "file_name": file.name,
            "upload_id": upload.upload_id,
            "parts": [
                {"number": number, "etag": transfer.etags[number]}
                for number in sorted(transfer.etags)
            ],
        }
        path = f"{self._path}/complete"
        try:
            done = await self._api.call("POST", path, CompletedUploads, body=body, once=True)
        except NotFound:
            self._memory.keep(file, Remembered())  # the next run begins anew
            raise
        job = next(iter(done.jobs), None)
        task_id = None if job is None else job.task_id
        self._memory.keep(file, Remembered(upload.part_bytes, transfer.etag(), None, task_id))
        return job


def _raise_if_unsupported(error: ApiError) -> None:
    if error.status in (404, 405) and error.code in UNSUPPORTED_CODES:
        raise NotSupported("the server takes no uploads in parts") from error
