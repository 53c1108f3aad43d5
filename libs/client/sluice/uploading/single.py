"""Files in one piece each: URLs for a batch, and the word that they were used."""

import asyncio
import re
from collections.abc import Sequence

import httpx

from sluice.errors import ApiError, InvalidRequest, UploadRefused
from sluice.models import Job
from sluice.transport import Api
from sluice.uploading.board import Board
from sluice.uploading.checksums import md5_of
from sluice.uploading.content_types import content_type_of
from sluice.uploading.files import LocalFile
from sluice.uploading.sending import FILE_CHANGED, OnBytes, etag_in, put
from sluice.uploading.wire import CompletedUploads, UploadUrl, UploadUrls

FIELD = re.compile(r"files\.(\d+)(?:\.|$)")
URL_TRIES = 3  # the first, one that expired meanwhile, and one more


class SingleUploads:
    def __init__(self, api: Api, dataset_id: str, board: Board) -> None:
        self._api = api
        self._path = f"/datasets/{dataset_id}/uploads"
        self._board = board

    async def sign(self, files: Sequence[LocalFile]) -> dict[str, UploadUrl]:
        """A URL for each file, by name. Those that the API refuses are marked as failed, alone."""
        left = list(files)
        while left:
            try:
                answer = await self._request(left)
            except InvalidRequest as error:
                refused = self._refused(left, error)
                for file, message in refused.items():
                    self._board.fail(file.name, error.code, message)
                left = [file for file in left if file not in refused]
            else:
                return {url.file_name: url for url in answer.upload_urls}
        return {}

    async def send(self, file: LocalFile, url: UploadUrl, on_bytes: OnBytes) -> str | None:
        """The ETag that the bucket gave it.

        Raises:
            UploadRefused: the bucket does not take it, or the file is another one by now.
            Unreachable: no answer came.
        """
        digest = await asyncio.to_thread(md5_of, file.path)
        for _ in range(URL_TRIES):
            answer = await put(
                self._api.bucket,
                self._api.retries,
                url=url.upload_url,
                headers=url.headers,
                path=file.path,
                start=0,
                size=file.size,
                digest=digest,
                on_bytes=on_bytes,
            )
            if answer.is_success and file.changed():
                raise UploadRefused(f"{file.path} changed while it was sent", code=FILE_CHANGED)
            if answer.is_success:
                return etag_in(answer)
            again = await self.sign([file])
            url = again.get(file.name, url)
        raise UploadRefused(f"the bucket accepts no URL for {file.path}: {answer.status_code}")

    async def announce(self, names: Sequence[str]) -> tuple[dict[str, Job], set[str]]:
        """The jobs of files that are in the bucket now, by name, and the names of those that are
        not. Neither if the API cannot look just now: the bucket's events will tell it."""
        body = {"files": [{"file_name": name} for name in names]}
        try:
            done = await self._api.call(
                "POST", f"{self._path}/complete", CompletedUploads, body=body, once=True
            )
        except ApiError as error:
            if error.status < httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            return {}, set()
        return {job.file_name: job for job in done.jobs}, set(done.missing)

    async def _request(self, files: Sequence[LocalFile]) -> UploadUrls:
        described = []
        for file in files:
            one: dict[str, object] = {"file_name": file.name, "size": file.size}
            content_type = content_type_of(file.path)
            if content_type is not None:
                one["content_type"] = content_type
            described.append(one)
        body = {"files": described}
        return await self._api.call("POST", self._path, UploadUrls, body=body, once=True)

    def _refused(self, files: Sequence[LocalFile], error: InvalidRequest) -> dict[LocalFile, str]:
        """Which files the API means.

        Raises:
            InvalidRequest: it means none of them.
        """
        found: dict[LocalFile, str] = {}
        for each in error.errors:
            match = FIELD.match(each.field)
            if match is not None and int(match[1]) < len(files):
                found[files[int(match[1])]] = each.message
        if not found and len(files) == 1:
            found[files[0]] = str(error)
        if not found:
            raise error
        return found
