"""The client for programs that run an event loop; `Client` is the same for all others.

There is one implementation, and it is asynchronous: an upload is many transfers at once beside a
socket that tells how far the server is, which is what an event loop is for. The blocking client
runs this one on a loop in a thread of its own and is made of nothing but the list of its methods,
so that the two cannot come apart (`client.py`, `blocking.py`).
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

from sluice import resources
from sluice.configuration import Configuration
from sluice.errors import NotConfigured, NothingToUpload, WaitTimedOut
from sluice.events import events
from sluice.models import Dataset, Document, Event, SearchResult, Tenant, Tick, Usage
from sluice.resources import AsyncDatasets, AsyncDocuments, AsyncJobs, DatasetMissing
from sluice.retrying import Retries
from sluice.transport import REQUEST_SECONDS, Api
from sluice.uploading.board import Board, OnProgress, UploadReport
from sluice.uploading.files import LocalFile, collect
from sluice.uploading.memory import Memory, memory_path
from sluice.uploading.uploader import Order, Uploader
from sluice.version import USER_AGENT
from sluice.watching import until_settled

PathLike = str | os.PathLike[str]


class AsyncClient:
    """Use it as a context manager, or call `aclose`.

    Without `url` and `key` they come from the environment or a profile (`configuration.py`).

    Raises:
        NotConfigured: no server is known.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        profile: str | None = None,
        timeout_seconds: float = REQUEST_SECONDS,
        retries: Retries | None = None,
        memory: PathLike | None = None,
    ) -> None:
        if url is None and key is None:
            configuration = Configuration.load(profile)
        elif url is not None and key is not None:
            configuration = Configuration.of(url, key)
        else:
            raise NotConfigured("give both url and key, or neither")
        self._api = Api(
            configuration,
            retries=retries or Retries(),
            timeout_seconds=timeout_seconds,
            user_agent=USER_AGENT,
        )
        self._memory = Path(memory) if memory is not None else memory_path()
        self.configuration = configuration
        self.datasets = AsyncDatasets(self._api)
        self.documents = AsyncDocuments(self._api)
        self.jobs = AsyncJobs(self._api)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._api.aclose()

    async def tenant(self) -> Tenant:
        """Whose key this is; the cheapest way to see that both server and key are right."""
        return await self._api.call("GET", "/tenant", Tenant)

    async def upload(
        self,
        paths: PathLike | Iterable[PathLike],
        *,
        dataset: str,
        create: bool = True,
        wait: bool = True,
        force: bool = False,
        hidden: bool = False,
        parallel: int = 4,
        on_progress: OnProgress | None = None,
    ) -> UploadReport:
        """Files, folders and patterns into a dataset, which is named or given by its id.

        A folder's files are named by their paths in it. What the dataset has already is not sent
        (unless `force`); a large file that was broken off goes on where it ended. Returns when all
        documents are searchable or failed, or, without `wait`, when all files are sent. What goes
        wrong with one file is in the report, and `on_progress` hears of every change.

        Raises:
            NothingToUpload: a path names no file.
            DatasetMissing, AmbiguousName: and it was not to be created.
            ApiError, Unreachable: the API refuses or does not answer; what was sent stays.
        """
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        files = await asyncio.to_thread(collect, given, hidden=hidden)
        return await self.upload_files(
            files,
            dataset=dataset,
            create=create,
            order=Order(parallel=parallel, force=force, wait=wait),
            on_progress=on_progress,
        )

    async def upload_files(
        self,
        files: Sequence[LocalFile],
        *,
        dataset: str,
        create: bool = True,
        order: Order | None = None,
        on_progress: OnProgress | None = None,
    ) -> UploadReport:
        """As `upload`, with files under names of the caller's choice."""
        if not files:
            raise NothingToUpload("the paths hold no file")
        found, documents = await self._dataset(dataset, create=create)
        memory = Memory(self._memory, self.configuration.url, found.id)
        board = Board(((file.name, file.size) for file in files), on_progress)
        await Uploader(self._api, found.id, memory, board, order or Order()).run(files, documents)
        return UploadReport(await self.datasets.get(found.id), tuple(board))

    async def search(
        self,
        query: str,
        *,
        dataset: str | Sequence[str] | None = None,
        limit: int = 10,
        offset: int = 0,
        mode: str | None = None,
        filter: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
        min_score: float | None = None,
        group_by: str | None = None,
        neighbours: int | None = None,
        include_url: bool | None = None,
        rerank: bool | None = None,
    ) -> SearchResult:
        """In a dataset by name or id, in several, or without one in all. The rest is as the API
        has it; what is None is left to it."""
        named = [dataset] if isinstance(dataset, str) else dataset
        ids = None if named is None else [(await self.datasets.find(each)).id for each in named]
        fields = {
            "limit": limit,
            "offset": offset,
            "mode": mode,
            "filter": filter,
            "weights": weights,
            "min_score": min_score,
            "group_by": group_by,
            "neighbours": neighbours,
            "include_url": include_url,
            "rerank": rerank,
        }
        return await resources.search(self._api, query, ids, fields)

    async def usage(
        self,
        *,
        group_by: Sequence[str] = (),
        first_day: date | None = None,
        last_day: date | None = None,
        dataset_id: str | None = None,
    ) -> Usage:
        """What embedding cost, by `day`, `dataset`, `document`, `job` or `model`."""
        return await resources.usage(
            self._api,
            group_by=group_by,
            first_day=first_day,
            last_day=last_day,
            dataset_id=dataset_id,
        )

    async def wait(
        self,
        dataset: str,
        *,
        timeout_seconds: float | None = None,
        on_change: Callable[[Dataset], None] | None = None,
        on_tick: Callable[[Tick], None] | None = None,
    ) -> Dataset:
        """The dataset, once everything that arrived is indexed or failed.

        Raises:
            WaitTimedOut: that took longer.
        """
        found = await self.datasets.find(dataset)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await until_settled(
                    self._api, found.id, on_change=on_change, on_tick=on_tick
                )
        except TimeoutError as error:
            raise WaitTimedOut(
                f"dataset {found.name!r} is not settled after {timeout_seconds} s"
            ) from error

    def events(
        self, *, dataset_id: str | None = None, cursor: int | None = None
    ) -> AsyncIterator[Event | Tick]:
        """What happens from now on, or behind the cursor, without end.

        Raises:
            NoLiveEvents: the server has none; `wait` works all the same.
        """
        return events(self._api, dataset_id, cursor)

    async def _dataset(
        self, name_or_id: str, *, create: bool
    ) -> tuple[Dataset, dict[str, Document]]:
        try:
            found = await self.datasets.find(name_or_id)
        except DatasetMissing:
            if not create:
                raise
            return await self.datasets.create(name_or_id), {}
        listed = self.documents.list(found.id)
        return found, {document.file_name: document async for document in listed}
