"""An upload from the first look at the disk to the end of the last document's job.

Files go through in batches: compared with what the dataset has, given URLs, sent several at once,
announced, and followed while others are still being sent.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sluice.errors import ApiError, Unreachable, UploadRefused
from sluice.models import Document, Job, Tick
from sluice.tasks import together
from sluice.transport import Api
from sluice.uploading.board import Board, FileState
from sluice.uploading.comparing import is_unchanged
from sluice.uploading.content_types import content_type_of
from sluice.uploading.files import LocalFile
from sluice.uploading.memory import Memory, Remembered
from sluice.uploading.multipart import LARGE_BYTES, MultipartSender, NotSupported
from sluice.uploading.sending import OnBytes
from sluice.uploading.single import SingleUploads
from sluice.uploading.wire import UploadUrl
from sluice.watching import Awaited, Follower

BATCH_FILES = 50  # few enough that the last URL is used soon
ANNOUNCE_SECONDS = 0.2  # arrivals within this time are announced together
ANNOUNCED_AT_ONCE = 200
COMPARED_AT_ONCE = 4
# What the API refuses so holds for every other file, too.
OF_ALL_FILES = frozenset({401, 403, 404})
OF_ONE_UPLOAD = frozenset({"multipart_not_found", "multipart_incomplete"})


@dataclass(frozen=True, slots=True)
class Order:
    """`parallel`: bodies under way at once. `force`: also what is unchanged. `wait`: until every
    document has an end."""

    parallel: int = 4
    force: bool = False
    wait: bool = True
    large_bytes: int = LARGE_BYTES


class Uploader:
    def __init__(
        self, api: Api, dataset_id: str, memory: Memory, board: Board, order: Order
    ) -> None:
        self._api = api
        self._memory = memory
        self._board = board
        self._order = order
        self._slots = asyncio.Semaphore(order.parallel)
        self._single = SingleUploads(api, dataset_id, board)
        self._multipart = MultipartSender(api, dataset_id, memory, self._slots)
        self._follower = Follower(
            api,
            dataset_id,
            on_document=self._document,
            on_gone=lambda name: board.fail(name, "document_not_found", "it was deleted"),
            on_tick=self._tick,
        )
        self._names: dict[str, str] = {}  # of documents, by id
        self._arrived: asyncio.Queue[LocalFile | None] = asyncio.Queue()
        self._etags: dict[str, str | None] = {}

    async def run(self, files: Sequence[LocalFile], documents: Mapping[str, Document]) -> None:
        """
        Raises:
            SluiceError: the API refuses everything, or does not answer. What goes wrong with one
                file is on the board.
        """
        async with together() as tasks:
            if self._order.wait:
                tasks.create_task(self._follower.run())
            tasks.create_task(self._announce())
            async with together() as senders:
                for begin in range(0, len(files), BATCH_FILES):
                    batch = files[begin : begin + BATCH_FILES]
                    await self._batch(senders, batch, documents)
            self._arrived.put_nowait(None)

    async def _batch(
        self,
        senders: asyncio.TaskGroup,
        batch: Sequence[LocalFile],
        documents: Mapping[str, Document],
    ) -> None:
        wanted = await self._changed(batch, documents)
        large = [file for file in wanted if file.size >= self._order.large_bytes]
        urls = await self._single.sign([file for file in wanted if file not in large])
        turns = []
        for file in wanted:
            if file in large:
                turns.append(senders.create_task(self._send(file, None)))
            elif file.name in urls:
                turns.append(senders.create_task(self._send(file, urls[file.name])))
        # The next batch gets its URLs when this one is nearly through: they are good for a while
        # only, and a folder of a million files must not be a million tasks.
        while sum(not turn.done() for turn in turns) > self._order.parallel:
            await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)
            turns = [turn for turn in turns if not turn.done()]

    async def _changed(
        self, batch: Sequence[LocalFile], documents: Mapping[str, Document]
    ) -> list[LocalFile]:
        """Those that the dataset has not got; of the others the board is told how they are."""
        slots = asyncio.Semaphore(COMPARED_AT_ONCE)

        async def compare(file: LocalFile) -> bool:
            document = documents.get(file.name)
            if document is None or self._order.force:
                return True
            try:
                async with slots:
                    same = await asyncio.to_thread(is_unchanged, file, document, self._memory)
            except OSError as error:
                self._unreadable(file, error)
                return False
            if same:
                self._board.update(file.name, unchanged=True)
                self._document(document)
            if same and not document.finished:
                self._follower.expect(file.name, Awaited(document.id, document.task_id))
            return not same

        verdicts = await asyncio.gather(*(compare(file) for file in batch))
        return [file for file, changed in zip(batch, verdicts, strict=True) if changed]

    async def _send(self, file: LocalFile, url: UploadUrl | None) -> None:
        def on_bytes(count: int) -> None:
            sent = self._board[file.name].bytes_sent + count
            self._board.update(file.name, bytes_sent=sent)

        try:
            if url is None:
                await self._send_large(file, on_bytes)
            else:
                await self._send_small(file, url, on_bytes)
        except ApiError as error:
            if error.status in OF_ALL_FILES and error.code not in OF_ONE_UPLOAD:
                raise
            self._board.fail(file.name, error.code, str(error))
        except (UploadRefused, Unreachable) as error:
            self._board.fail(file.name, error.code, str(error))
        except OSError as error:
            self._unreadable(file, error)

    def _unreadable(self, file: LocalFile, error: OSError) -> None:
        self._board.fail(file.name, "file_unreadable", f"{file.path}: {error.strerror}")

    async def _send_large(self, file: LocalFile, on_bytes: OnBytes) -> None:
        self._board.update(file.name, state=FileState.UPLOADING)
        try:
            job = await self._multipart.send(file, content_type_of(file.path), on_bytes)
        except NotSupported:
            urls = await self._single.sign([file])
            if file.name in urls:
                await self._send_small(file, urls[file.name], on_bytes)
            return
        self._queued(file.name, job, None)

    async def _send_small(self, file: LocalFile, url: UploadUrl, on_bytes: OnBytes) -> None:
        async with self._slots:
            self._board.update(file.name, state=FileState.UPLOADING)
            self._etags[file.name] = await self._single.send(file, url, on_bytes)
        self._arrived.put_nowait(file)

    async def _announce(self) -> None:
        """Until None is in the queue."""
        last = False
        while not last:
            arrived = [await self._arrived.get()]
            await asyncio.sleep(ANNOUNCE_SECONDS)
            while not self._arrived.empty() and len(arrived) < ANNOUNCED_AT_ONCE:
                arrived.append(self._arrived.get_nowait())
            last = None in arrived
            await self._announced([file for file in arrived if file is not None])
        self._follower.no_more()

    async def _announced(self, files: Sequence[LocalFile]) -> None:
        if not files:
            return
        jobs, missing = await self._single.announce([file.name for file in files])
        for file in files:
            if file.name in missing:
                self._board.fail(file.name, "object_not_found", "it is in the bucket no more")
                continue
            job, etag = jobs.get(file.name), self._etags.pop(file.name)
            task_id = None if job is None else job.task_id
            self._memory.keep(file, Remembered(None, etag, None, task_id))
            self._queued(file.name, job, etag)

    def _queued(self, name: str, job: Job | None, etag: str | None) -> None:
        task_id = None if job is None else job.task_id
        document_id = None if job is None else job.document_id
        if document_id is not None:
            self._names[document_id] = name
        self._board.update(
            name, state=FileState.PROCESSING, task_id=task_id, document_id=document_id
        )
        self._follower.expect(name, Awaited(document_id, task_id, etag))

    def _document(self, document: Document) -> None:
        state = FileState.PROCESSING
        if document.finished:
            state = FileState.COMPLETED if document.status == "completed" else FileState.FAILED
        code = document.error_code
        if document.status == "cancelled":
            code = code or "cancelled"
        self._names[document.id] = document.file_name
        self._board.update(
            document.file_name,
            state=state,
            percent=document.progress,
            stage=document.waiting_for or document.stage,
            error_code=code,
            error=document.error,
            document_id=document.id,
            task_id=document.task_id,
        )

    def _tick(self, tick: Tick) -> None:
        name = self._names.get(tick.document_id)
        if name is not None and not self._board[name].finished:
            self._board.update(
                name, percent=tick.percent, stage=tick.stage, seconds_left=tick.seconds_left
            )
