"""Following documents and datasets to their end.

Truth is what the API answers; events only say when to ask. So a lost event costs seconds, and a
server without live events is polled by the same code.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from sluice.decoding import decode
from sluice.errors import NotFound, SluiceError
from sluice.events import frames
from sluice.models import SETTLED, Dataset, Document, Tick
from sluice.resources import AsyncDatasets, AsyncDocuments
from sluice.transport import Api

GATHER_SECONDS = 0.2  # events come in crowds
# Between two looks at everything, more of which takes longer: while events come, for what they did
# not tell, and without them.
LIVE_SECONDS_MIN, LIVE_SECONDS_MAX = 10.0, 120.0
POLL_SECONDS_MIN, POLL_SECONDS_MAX = 0.5, 20.0
WATCHED_PER_SECOND = 100
ASKED_SINGLY = 100  # documents; of more the list is read
ASKED_AT_ONCE = 8

OnTick = Callable[[Tick], None]


class Pulse:
    """Wakes whoever waits when something happened in a dataset, or after a while."""

    def __init__(self, api: Api, dataset_id: str, on_tick: OnTick | None = None) -> None:
        self._api = api
        self._dataset_id = dataset_id
        self._on_tick = on_tick
        self._touched: set[str] = set()
        self._wake = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None
        self._looked_at = 0.0  # on the loop's clock
        self._connected = False  # just now: what happened before was not heard
        self.live = False

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listener is not None:
            self._listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listener

    def wake(self) -> None:
        self._wake.set()

    async def wait(self, *, watched: int = 1) -> set[str] | None:
        """The documents that something happened to; None if it is time to look at all."""
        clock = asyncio.get_running_loop().time
        due = self._looked_at + self._interval(watched)
        try:
            async with asyncio.timeout_at(due):
                await self._wake.wait()
                await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass
        self._wake.clear()
        touched, self._touched = self._touched, set()
        if self._connected or clock() >= due:
            self._connected, self._looked_at = False, clock()
            return None
        return touched

    def _interval(self, watched: int) -> float:
        seconds = watched / WATCHED_PER_SECOND
        if self.live:
            return min(max(seconds, LIVE_SECONDS_MIN), LIVE_SECONDS_MAX)
        return min(max(seconds, POLL_SECONDS_MIN), POLL_SECONDS_MAX)

    async def _listen(self) -> None:
        try:
            async for frame in frames(self._api, self._dataset_id):
                match frame.get("type"):
                    case "ready":
                        self.live = self._connected = True
                        self._wake.set()
                    case "progress" if self._on_tick is not None:
                        self._on_tick(decode(Tick, frame))
                    case "event":
                        self._touched.add(str(frame.get("document_id")))
                        self._wake.set()
        except SluiceError:
            self.live = False  # asking the API will show what is wrong, if anything is
            self._wake.set()


@dataclass(frozen=True, slots=True)
class Awaited:
    """A document in whose end somebody is interested: the end of this job or of a later one. Where
    no job is known yet, of the version with this ETag."""

    document_id: str | None
    task_id: str | None
    etag: str | None = None

    def ended(self, document: Document) -> bool:
        if not document.finished:
            return False
        if self.task_id is not None:
            return (document.task_id or "") >= self.task_id  # ids of jobs rise with time
        return self.etag is None or self.etag == document.etag


class Follower:
    """Tells of every change of the documents that are expected, until each has an end."""

    def __init__(
        self,
        api: Api,
        dataset_id: str,
        *,
        on_document: Callable[[Document], None],
        on_gone: Callable[[str], None],
        on_tick: OnTick | None = None,
    ) -> None:
        self._documents = AsyncDocuments(api)
        self._dataset_id = dataset_id
        self._on_document = on_document
        self._on_gone = on_gone
        self._pulse = Pulse(api, dataset_id, on_tick)
        self._pending: dict[str, Awaited] = {}
        self._complete = False

    def expect(self, file_name: str, awaited: Awaited) -> None:
        self._pending[file_name] = awaited
        self._pulse.wake()

    def no_more(self) -> None:
        """Nothing else will be expected: `run` returns when all that is has an end."""
        self._complete = True
        self._pulse.wake()

    async def run(self) -> None:
        async with self._pulse as pulse:
            while self._pending or not self._complete:
                touched = await pulse.wait(watched=len(self._pending))
                await self._look(touched)

    async def _look(self, touched: set[str] | None) -> None:
        due = {
            name: awaited
            for name, awaited in self._pending.items()
            if touched is None or awaited.document_id in touched
        }
        if not due:
            return
        ids = {name: each.document_id for name, each in due.items() if each.document_id is not None}
        if len(ids) == len(due) <= ASKED_SINGLY:
            found = await self._singly(ids.values())
        else:
            found = [each async for each in self._documents.list(self._dataset_id)]
        for document in found:
            self._take(document)
        seen = {document.file_name for document in found}
        for name in ids.keys() - seen:  # it had a document, and that is gone
            self._pending.pop(name, None)
            self._on_gone(name)

    def _take(self, document: Document) -> None:
        awaited = self._pending.get(document.file_name)
        if awaited is None:
            return
        if awaited.ended(document):
            del self._pending[document.file_name]
            self._on_document(document)
        elif not document.finished:
            self._on_document(document)

    async def _singly(self, ids: Iterable[str]) -> list[Document]:
        slots = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(document_id: str) -> Document | None:
            async with slots:
                try:
                    return await self._documents.get(self._dataset_id, document_id)
                except NotFound:
                    return None

        answers = await asyncio.gather(*(ask(each) for each in ids))
        return [document for document in answers if document is not None]


async def until_settled(
    api: Api,
    dataset_id: str,
    *,
    on_change: Callable[[Dataset], None] | None = None,
    on_tick: OnTick | None = None,
) -> Dataset:
    """The dataset, once all that arrived is indexed or failed."""
    datasets, before = AsyncDatasets(api), None
    async with Pulse(api, dataset_id, on_tick) as pulse:
        while True:
            dataset = await datasets.get(dataset_id)
            if on_change is not None and dataset != before:
                on_change(dataset)
            if dataset.status in SETTLED or dataset.document_count == 0:
                return dataset
            before = dataset
            await pulse.wait(watched=WATCHED_PER_SECOND)
